import Backfill
import TestSupport
import Testing

/// Rows with a vector of an earlier text, beside those that have none.
@Suite struct EditedRowsConductorTests {
  static func conductor(_ tables: [(String, Edits)], mostEdited: Int? = nil) -> Conductor {
    let sources = tables.map { table, edits in
      var source = Source(table: table)
      source.edits = edits
      return source
    }
    let job = Job(
      name: "job", sources: sources, model: Model(name: "m", dimensions: 4), batchSize: 2, concurrency: 2, writers: 1,
      limits: ConductorTests.ample)
    var policy = RunPolicy()
    policy.mostEdited = mostEdited
    return Conductor(
      job: job, policy: policy, run: 1, watermarks: tables.map { _ in nil }, spooled: [], spent: 0,
      random: SeededGenerator(seed: 1))
  }

  /// A table in memory: how many rows of each kind it has that no page has told.
  struct Table {
    var missing = 0
    var edited = 0
    var next: Int64 = 0

    mutating func page(_ rows: PageRequest.Rows) -> PackedPage {
      let count = min(2, rows == .missing ? missing : edited)
      guard count > 0 else { return ConductorTests.emptyPage }
      if rows == .missing { missing -= count } else { edited -= count }
      next += 2
      return ConductorTests.page(next - 1...next - 2 + Int64(count))
    }
  }

  /// Plays the world until the run ends; returns which rows each page asked for, as "a missing", and the ending.
  ///
  /// - Parameter isRestless: whether each row changes before its write, and is told again by each sweep.
  static func play(
    _ conductor: Conductor, _ tables: [Table], isRestless: Bool = false
  ) -> (reads: [String], ending: Ending?) {
    var (conductor, tables) = (conductor, tables)
    var events: [Conductor.Event] = [.started]
    let atFirst = tables
    var batches: [BatchID: [RowKey]] = [:]
    var reads: [String] = []
    for _ in 0..<10_000 where !events.isEmpty {
      for action in conductor.handle(events.removeFirst(), at: .zero) {
        switch action {
        case .readLastKey(let source):
          if isRestless { tables[source] = atFirst[source] }
          events.append(.lastKeyRead(.integer(.max)))
        case .readPage(let source, let request, _, _):
          reads.append("\(source) \(request.rows)")
          events.append(.pageRead(tables[source].page(request.rows)))
        case .request(let batch, _, _):
          batches[batch.id] = batch.contents.rows.map(\.key)
          events.append(.received(batch.id, ConductorTests.receipt))
        case .write(let write):
          let reports = write.parts.map { part in
            var report = WriteReport.Batch(id: part.batch)
            let keys = batches[part.batch] ?? []
            if isRestless { report.changed = keys } else { report.written = keys.count }
            return report
          }
          events.append(.written(WriteReport(batches: reports), writer: write.writer))
        case .settle: events.append(.settled)
        case .end(let ending): return (reads, ending)
        default: break
        }
      }
    }
    return (reads, nil)
  }

  @Test func `new rows of all sources come before the edited ones of any`() throws {
    let tables = [Table(missing: 2, edited: 4), Table(missing: 20, edited: 2)]
    let (reads, ending) = Self.play(Self.conductor([("a", .digest), ("b", .digest)]), tables)
    #expect(ending == .complete)
    let first = try #require(reads.firstIndex { $0.hasSuffix("edited") })
    #expect(!reads[first...].contains { $0.hasSuffix("missing") }, "\(reads)")
    #expect(reads[..<first].count { $0 == "1 missing" } > 10)
    #expect(Set(reads[first...]) == ["0 edited", "1 edited"])
  }

  @Test func `a source that keeps no digests is read for missing rows alone`() {
    let (reads, ending) = Self.play(Self.conductor([("a", .clear)]), [Table(missing: 4, edited: 4)])
    #expect(ending == .complete)
    #expect(Set(reads) == ["0 missing"])
  }

  @Test(arguments: [Table(missing: 4), Table(edited: 4)])
  func `rows that change before each write end a run, and are left to the next round where one follows`(_ table: Table)
  {
    let tables: [(String, Edits)] = [("a", .digest)]
    let ending = Self.play(Self.conductor(tables), [table], isRestless: true).ending
    #expect(ending?.exitCode == .unavailable)
    let (reads, round) = Self.play(Self.conductor(tables, mostEdited: 1_000), [table], isRestless: true)
    #expect(round == .complete)
    #expect(reads.contains("0 edited"))
  }

  @Test func `a round takes no more edited rows than it may, and is complete with that`() {
    let (reads, ending) = Self.play(Self.conductor([("a", .digest)], mostEdited: 6), [Table(missing: 2, edited: 1_000)])
    #expect(ending == .complete)
    #expect(reads.count { $0 == "0 edited" } == 3)
  }
}
