import Backfill
import TestSupport
import Testing

/// Transcripts: what a conductor is told, and what it then does.
@Suite struct ConductorTests {
  /// Known limits that keep nothing back.
  static let ample = Job.Limits(requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000)

  static func conductor(
    batchSize: Int = 2, concurrency: Int = 2, writers: Int = 1, limits: Job.Limits = ample, budget: Double? = nil,
    sources: [String] = ["a"], watermarks: [RowKey?]? = nil, spooled: [Conductor.Spooled] = [],
    policy: RunPolicy = RunPolicy(), spent: Double = 0, maxInputs: Int? = nil
  ) -> Conductor {
    let job = Job(
      name: "job", sources: sources.map { Source(table: $0) },
      model: Model(name: "m", dimensions: 4, usdPerMillionTokens: 1_000_000, maxInputs: maxInputs),
      batchSize: batchSize,
      concurrency: concurrency, writers: writers, limits: limits, budget: budget.map { Job.Budget(usd: $0) })
    return Conductor(
      job: job, policy: policy, run: 1, watermarks: watermarks ?? sources.map { _ in nil }, spooled: spooled,
      spent: spent, random: SeededGenerator(seed: 1))
  }

  /// A page of messages with those keys and different texts, one byte a token.
  static func page(_ keys: ClosedRange<Int64>, batchSize: Int = 2) -> PackedPage {
    Packer(preparation: TextPreparation(), maxInputs: batchSize) { $0.utf8.count }
      .pack(
        MessagePage(
          keys.map { Message(key: .integer($0), text: "text \($0)") }, continuesAfter: .integer(keys.upperBound)))
  }

  /// The end of a sweep.
  static let emptyPage = PackedPage(continuesAfter: nil)

  /// What a write did to batches of which every row took its vector, or all but a few that changed meanwhile.
  static func written(_ rows: [(BatchID, rows: Int)], changed: [RowKey] = [], by writer: Int = 0) -> Conductor.Event {
    .written(
      WriteReport(
        batches: rows.enumerated().map { index, batch in
          var report = WriteReport.Batch(id: batch.0)
          report.written = batch.rows
          if index == 0 { report.changed = changed }
          return report
        }), writer: writer)
  }

  static func id(_ number: Int) -> BatchID { BatchID(run: 1, number: number) }

  static let receipt = Conductor.Receipt(billedTokens: 2, latency: .zero)

  // MARK: The way of the data

  @Test func `a run over an empty table looks for its last key and is complete`() {
    var conductor = Self.conductor()
    #expect(conductor.tell(.started) == ["last 0"])
    #expect(conductor.tell(.lastKeyRead(nil)) == ["end complete"])
  }

  @Test func `a run over a full table is one page and then complete`() {
    var conductor = Self.conductor()
    #expect(conductor.tell(.started) == ["last 0"])
    #expect(conductor.tell(.lastKeyRead(.integer(9))) == ["page 0 after nil up to 9"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["settle  up to 9"])
    #expect(conductor.tell(.settled) == ["end complete"])
  }

  @Test func `a page becomes requests, replies are written, writes are settled, and one more sweep ends it`() {
    var conductor = Self.conductor()
    conductor.begin(lastKey: 9)
    #expect(conductor.tell(.pageRead(Self.page(1...4))) == ["request 1 x2", "request 2 x2", "page 0 after 4 up to 9"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == [])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["write 2"])
    #expect(conductor.tell(Self.written([(Self.id(2), 2)])) == ["settle 2"])
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["write 1"])
    #expect(conductor.tell(Self.written([(Self.id(1), 2)])) == ["settle 1 up to 9"])
    #expect(conductor.tell(.settled) == ["last 0"])
    #expect(conductor.tell(.lastKeyRead(.integer(12))) == ["page 0 after nil up to 12"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["end complete"])
    #expect(conductor.tally.written == 4)
  }

  @Test func `no more requests are in flight than the concurrency allows`() {
    var conductor = Self.conductor(concurrency: 3)
    conductor.begin()
    #expect(
      conductor.tell(.pageRead(Self.page(1...10))) == [
        "request 1 x2", "request 2 x2", "request 3 x2", "page 0 after 10 up to 99",
      ])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["request 4 x2", "write 1"])
  }

  @Test func `sources are read in turns, each with its own sweeps`() {
    var conductor = Self.conductor(concurrency: 8, sources: ["a", "b"], watermarks: [.integer(7), nil])
    #expect(conductor.tell(.started) == ["last 0"])
    #expect(conductor.tell(.lastKeyRead(.integer(9))) == ["last 1"])
    #expect(conductor.tell(.lastKeyRead(.integer(5))) == ["page 0 after 7 up to 9"])
    #expect(conductor.tell(.pageRead(Self.page(8...8))) == ["request 1 x1", "page 1 after nil up to 5"])
    #expect(conductor.tell(.pageRead(Self.page(1...1))) == ["request 2 x1", "page 0 after 8 up to 9"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["page 1 after 1 up to 5"])
  }

  @Test func `no source waits for another's whole page`() {
    var conductor = Self.conductor(batchSize: 1, concurrency: 1, sources: ["a", "b"])
    _ = conductor.tell(.started)
    _ = conductor.tell(.lastKeyRead(.integer(9)))
    _ = conductor.tell(.lastKeyRead(.integer(9)))
    var sent = conductor.tell(.pageRead(Self.page(1...4, batchSize: 1)))
    #expect(sent == ["request 1 x1", "page 1 after nil up to 9"])
    sent += conductor.tell(.pageRead(Self.page(1...4, batchSize: 1)))
    for batch in [1, 2, 5, 3, 6, 4] {
      sent += conductor.tell(.received(Self.id(batch), Self.receipt))
      sent += conductor.tell(Self.written([(Self.id(batch), rows: 1)]))
      sent += conductor.tell(.settled)
    }
    #expect(sent.filter { $0.hasPrefix("request") } == [1, 2, 5, 3, 6, 4, 7].map { "request \($0) x1" })
  }

  @Test func `the spool of an earlier run is written before any page is read`() {
    let spooled = Conductor.Spooled(id: BatchID(run: 0, number: 9), source: 0, rows: 2)
    var conductor = Self.conductor(spooled: [spooled])
    #expect(conductor.tell(.started) == ["write 9"])
    #expect(conductor.tell(Self.written([(spooled.id, 2)])) == ["last 0", "settle 9"])
    #expect(conductor.tally.recovered == 2)
  }

  @Test func `rows that arrive meanwhile get one more sweep, and no second one`() {
    var conductor = Self.conductor()
    conductor.begin(lastKey: 2)
    for sweep in 1...2 {
      _ = conductor.tell(.pageRead(Self.page(Int64(sweep * 2 - 1)...Int64(sweep * 2))))
      _ = conductor.tell(.pageRead(Self.emptyPage))
      _ = conductor.tell(.received(Self.id(sweep), Self.receipt))
      _ = conductor.tell(Self.written([(Self.id(sweep), 2)]))
      #expect(conductor.tell(.settled) == (sweep == 1 ? ["last 0"] : ["end complete"]))
      _ = conductor.tell(.lastKeyRead(.integer(4)))
    }
    #expect(conductor.tally.written == 4)
  }

  @Test func `rows that changed meanwhile are counted, and found by a further sweep as long as they change`() {
    var conductor = Self.conductor()
    conductor.begin()
    for sweep in 1...3 {
      _ = conductor.tell(.pageRead(Self.page(1...2)))
      _ = conductor.tell(.pageRead(Self.emptyPage))
      _ = conductor.tell(.received(Self.id(sweep), Self.receipt))
      _ = conductor.tell(Self.written([(Self.id(sweep), 1)], changed: sweep < 3 ? [.integer(2)] : []))
      #expect(conductor.tell(.settled) == (sweep < 3 ? ["last 0"] : ["end complete"]))
      _ = conductor.tell(.lastKeyRead(.integer(9)))
    }
    #expect(conductor.tally.changed == 2)
  }

  @Test func `rows that change before every write end the run, and say so`() {
    var conductor = Self.conductor()
    conductor.begin()
    var last: [String] = []
    for sweep in 1...6 {
      _ = conductor.tell(.pageRead(Self.page(1...2)))
      _ = conductor.tell(.pageRead(Self.emptyPage))
      _ = conductor.tell(.received(Self.id(sweep), Self.receipt))
      _ = conductor.tell(Self.written([(Self.id(sweep), 1)], changed: [.integer(2)]))
      last = conductor.tell(.settled)
      _ = conductor.tell(.lastKeyRead(.integer(9)))
    }
    #expect(last == ["end 69"])
  }

  // MARK: Stopping

  @Test func `a stop sends nothing more, lets requests end, and writes what they bring`() {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...8)))
    #expect(conductor.tell(.stopRequested(.terminate), at: 1) == ["wake 21"])
    #expect(conductor.tell(.pageRead(Self.page(9...10)), at: 2) == ["wake 21"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt), at: 3) == ["write 1", "wake 21"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt), at: 4) == ["wake 21"])
    #expect(conductor.tell(Self.written([(Self.id(1), 2)]), at: 4) == ["write 2", "settle 1", "wake 21"])
    #expect(conductor.tell(.settled, at: 4) == ["wake 21"])
    #expect(conductor.tell(Self.written([(Self.id(2), 2)]), at: 4) == ["settle 2", "wake 21"])
    #expect(conductor.tell(.settled, at: 4) == ["end 143"])
  }

  @Test(arguments: ["the grace has passed", "it is asked for again"]) func `requests are cancelled when`(reason: String)
  {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.stopRequested(.interrupt), at: 1)
    let event: Conductor.Event = reason == "the grace has passed" ? .woken : .stopRequested(.interrupt)
    #expect(conductor.tell(event, at: event.isWoken ? 21 : 2).first == "cancel")
    let cancelled = EmbeddingFailure(.cancelled, "cancelled", mayHaveBeenBilled: true)
    #expect(conductor.tell(.requestFailed(Self.id(1), cancelled), at: 22) == ["end 130"])
    #expect(conductor.tally.possiblyPaid == 1)
  }

  @Test func `a failed write keeps the vectors in the spool and ends the run when the rest has come in`() {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    #expect(conductor.tell(.writeFailed(Failure(.unavailable, "db", "gone"), writer: 0)) == [])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["end 69"])
  }

  @Test func `a broken ledger ends the run at once`() {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    #expect(conductor.tell(.broken(Failure(.localIO, "ledger", "full"))) == ["cancel reading", "cancel", "end 74"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == [])
  }
}

extension Conductor {
  /// Starts it, up to its first page.
  mutating func begin(lastKey: Int64 = 99) {
    _ = tell(.started)
    _ = tell(.lastKeyRead(.integer(lastKey)))
  }

  /// What it does, in words.
  mutating func tell(_ event: Event, at seconds: Double = 0) -> [String] {
    handle(event, at: .seconds(seconds)).map(\.words)
  }
}

extension Conductor.Event {
  fileprivate var isWoken: Bool { if case .woken = self { true } else { false } }
}

extension Conductor.Action {
  fileprivate var words: String {
    func numbers(_ ids: [BatchID]) -> String { ids.map { String($0.number) }.joined(separator: ",") }
    switch self {
    case .readLastKey(let source): return "last \(source)"
    case .readPage(let source, let page, _, _):
      return "page \(source) after \(page.after?.description ?? "nil") up to \(page.through?.description ?? "nil")"
    case .request(let batch, let attempt, _):
      return "request \(batch.id.number) x\(batch.contents.inputs.count)" + (attempt > 1 ? " again" : "")
    case .compare(let batch): return "compare \(batch.id.number)"
    case .prove(let source): return "prove \(source)"
    case .gather: return "gather"
    case .claim: return "claim"
    case .prepareWriting: return "prepare"
    case .write(let write):
      return "write \(numbers(write.parts.map(\.batch)))"
        + (write.parts[0].rows.map { " only \($0.map(\.description).sorted().joined(separator: ","))" } ?? "")
        + (write.writer > 0 ? " by \(write.writer)" : "")
    case .settle(let settlement):
      let condemned = settlement.condemned.map { "\($0.key) as \($0.condemnation.cause)" }
      return "settle \(numbers(settlement.batches))"
        + (settlement.watermarks.first.map { " up to \($0.key)" } ?? "")
        + (condemned.isEmpty ? "" : ", condemning \(condemned.joined(separator: ", "))")
    case .wake(let time): return "wake \(Int((time / .seconds(1)).rounded()))"
    case .cancelReading: return "cancel reading"
    case .cancelRequests: return "cancel"
    case .cancelWriting: return "cancel writing"
    case .end(.complete): return "end complete"
    case .end(let ending): return "end \(ending.exitCode.rawValue)"
    }
  }
}
