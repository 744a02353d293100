import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// What runs of shards have left is the whole column's, and what the whole has left is no shard's.
extension LedgerTests {
  /// A column of the job as a run of a shard fills it.
  static func part(_ number: Int, plan: String = "7", of job: Job = job) -> LedgerColumn {
    let whole = job.column(job.sources[0], of: "db")
    let shard = StoredShard(
      number: number, count: 2, range: .whole, rows: 0, work: ShardWork(job, job.sources[0]), plan: plan, begun: nil,
      done: nil, worker: nil)
    return LedgerColumn(
      source: whole.source, identity: whole.identity.part(shard), fingerprint: whole.fingerprint, isProven: true)
  }

  static func narrowed(_ change: (inout Job) -> Void = { _ in }) -> Job {
    var job = job
    job.sources = [job.sources[0]]
    change(&job)
    return job
  }

  /// A run of `column` that dies: one batch received, one settled and kept, and one without a reply.
  private func die(_ ledger: Ledger, filling column: LedgerColumn) async throws -> Ledger.BegunRun {
    let run = try await ledger.begin(Self.narrowed(), on: "db", columns: [column], at: Date())
    for number in 1...3 {
      let batch = batch(number, of: run.id)
      try await ledger.requested(batch, target: run.targets[0], reservation: 1)
      guard number < 3 else { continue }
      try await ledger.received(reply(), to: batch, target: run.targets[0], cost: 0.5, at: Date())
    }
    var settled = Settlement()
    settled.batches = [BatchID(run: run.id, number: 2)]
    try await ledger.settle(settled, run: run.id, targets: run.targets, at: Date())
    return run
  }

  @Test func `a run of the whole column takes over what its shards' dead runs have left, of any plan`() async throws {
    let ledger = try Ledger.open(at: path)
    let job = Self.narrowed()
    let column = job.column(job.sources[0], of: "db")
    var runs: [Ledger.BegunRun] = []
    for part in [Self.part(0), Self.part(1)] { runs.append(try await die(ledger, filling: part)) }
    #expect(try await ledger.unwrittenRows(of: column.identity, column.source, in: "db") == 4)
    let contents = try await ledger.contents(
      of: column.identity, column.source, in: "db", fingerprint: column.fingerprint)
    #expect(contents?.spooled.count == 2, "both shards have the same keys here")
    #expect(contents?.watermark == nil)

    let whole = try await ledger.begin(job, on: "db", columns: [column], at: Date())
    #expect(whole.spooled.map(\.id) == runs.map { BatchID(run: $0.id, number: 1) })
    #expect(whole.possiblyPaid == 2)
    #expect(whole.spent == 4, "two replies and a lost request of each")
    #expect(whole.changes == [])
    for batch in whole.spooled {
      let spooled = try await ledger.spooled(batch.id)
      #expect(
        spooled.rows.embedded(by: spooled.vectors) == self.batch(1, of: 1).contents.rows.embedded(by: reply().vectors))
    }
    #expect(try await ledger.kept(of: whole.targets[0]).count == 2)
    // Nothing of it is left to the shards.
    for run in runs { #expect(try await ledger.kept(of: run.targets[0]).isEmpty) }
    #expect(try await ledger.begin(job, on: "db", columns: [column], at: Date()).possiblyPaid == 0)
  }

  @Test func `a vector that is damaged in a shard's spool is not made whole by being taken over`() async throws {
    let ledger = try Ledger.open(at: path)
    let job = Self.narrowed()
    _ = try await die(ledger, filling: Self.part(1))
    try await DatabaseQueue.patient(path).write {
      try $0.execute(sql: "UPDATE spool SET vectors = zeroblob(length(vectors)) WHERE number = 1")
    }
    let whole = try await ledger.begin(
      job, on: "db", columns: [job.column(job.sources[0], of: "db")], at: Date())
    let spooled = try #require(whole.spooled.first)
    let failure = await #expect(throws: Failure.self) { try await ledger.spooled(spooled.id) }
    #expect(failure?.exitCode == .localIO)
  }

  @Test func `what shards have of another model is dropped and told, and by another key it is refused`() async throws {
    let ledger = try Ledger.open(at: path)
    _ = try await die(ledger, filling: Self.part(0))
    let byName = Self.narrowed { $0.sources[0].keys = ["name"] }
    let refusal = await #expect(throws: Failure.self) {
      _ = try await ledger.begin(byName, on: "db", columns: [byName.column(byName.sources[0], of: "db")], at: Date())
    }
    #expect(refusal?.exitCode == .configuration && refusal?.reason.contains("2 vectors of it by the key (id)") == true)
    let other = Self.narrowed { $0.model.name = "another" }
    let whole = try await ledger.begin(
      other, on: "db", columns: [other.column(other.sources[0], of: "db")], at: Date())
    #expect(whole.spooled.isEmpty)
    #expect(whole.changes.count == 1)
    #expect(whole.changes.first?.contains("2 vectors that were paid for and not written are dropped") == true)
  }

  @Test(arguments: ["the whole", "another plan", "the same plan"])
  func `a shard begins only where nothing waits but what is its plan's`(left: String) async throws {
    let ledger = try Ledger.open(at: path)
    let job = Self.narrowed()
    let (whole, own) = (job.column(job.sources[0], of: "db"), Self.part(0))
    _ = try await die(
      ledger, filling: left == "the whole" ? whole : Self.part(1, plan: left == "another plan" ? "6" : "7"))
    guard left != "the same plan" else {
      #expect(try await ledger.begin(job, on: "db", columns: [own], at: Date()).spooled.isEmpty)
      return
    }
    let failure = await #expect(throws: Failure.self) {
      _ = try await ledger.begin(job, on: "db", columns: [own], at: Date())
    }
    #expect(failure?.exitCode == .configuration && failure?.reason.contains("vectors of 2 rows") == true)
    #expect(failure?.remedy?.contains("--max-requests 1") == true)
    let run = try await ledger.begin(job, on: "db", columns: [whole], at: Date())
    var written = Settlement()
    written.batches = run.spooled.map(\.id)
    try await ledger.settle(written, run: run.id, targets: run.targets, at: Date())
    #expect(try await ledger.begin(job, on: "db", columns: [own], at: Date()).spooled.isEmpty)
  }

  @Test func `a column is forgotten with its shards`() async throws {
    let ledger = try Ledger.open(at: path)
    let column = Self.job.column(Self.job.sources[0], of: "db")
    for part in [Self.part(0), Self.part(1)] { _ = try await die(ledger, filling: part) }
    let forgotten = try await ledger.forget(column.identity, column.source)
    #expect(forgotten.isKnown && forgotten.spooledRows == 4)
    #expect(try await ledger.unwrittenRows(of: column.identity, column.source, in: "db") == 0)
  }

  @Test func `a row that a shard and the whole have put into quarantine is one row, and a shard's goes with its plan`()
    async throws
  {
    let ledger = try Ledger.open(at: path)
    let job = Self.narrowed()
    let whole = job.column(job.sources[0], of: "db")
    for (column, keys) in [(Self.part(0), [1, 2]), (whole, [2])] as [(LedgerColumn, [Int64])] {
      let run = try await ledger.begin(job, on: "db", columns: [column], at: Date())
      var settlement = Settlement()
      settlement.condemned = keys.map {
        CondemnedRow(
          source: 0, key: .integer($0), digest: TextDigest(of: "\($0)"),
          Condemnation(.provider(.badInput), "run \(run.id)"))
      }
      try await ledger.settle(settlement, run: run.id, targets: run.targets, at: Date())
    }
    #expect(try await ledger.quarantined(in: nil).map(\.key).sorted() == ["1", "2"])
    #expect(try await ledger.quarantined(in: nil).first { $0.key == "2" }?.reason == "run 2")
    try await ledger.releaseParts(of: [whole.identity])
    #expect(try await ledger.quarantined(in: nil).map(\.key) == ["2"])
    let run = try await ledger.begin(job, on: "db", columns: [Self.part(1)], at: Date())
    var settlement = Settlement()
    settlement.condemned = [
      CondemnedRow(
        source: 0, key: .integer(2), digest: TextDigest(of: "2"), Condemnation(.provider(.badInput), "again"))
    ]
    try await ledger.settle(settlement, run: run.id, targets: run.targets, at: Date())
    #expect(try await ledger.release(source: nil, keys: []) == 1)
    #expect(try await ledger.quarantined(in: nil).isEmpty)
  }
}
