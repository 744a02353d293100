import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// What becomes of a column when its job changes.
extension LedgerTests {
  @Test func `the first of a server's own names for the model stays with its column until that is filled anew`()
    async throws
  {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(run.servedModels == [nil, nil])
    for (number, name) in [(1, nil), (2, "one"), (3, "two"), (4, nil)] as [(Int, String?)] {
      let batch = batch(number, of: run.id)
      try await ledger.requested(batch, target: run.targets[0], reservation: nil)
      var reply = reply()
      reply.servedModel = name.map { ServedModel(digest: $0) }
      try await ledger.received(reply, to: batch, target: run.targets[0], cost: nil, at: Date())
    }
    let next = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(next.servedModels == [ServedModel(digest: "one"), nil])
    var other = Self.job
    other.model = Model(name: "another", dimensions: 3)
    #expect(try await ledger.begin(other, on: "db", at: Date()).servedModels == [nil, nil])
  }

  /// Another column of the job, the same one made anew, other jobs, and a database of that name elsewhere.
  @Test func `a budget counts what a job has spent over all its runs, on whatever column`() async throws {
    let ledger = try Ledger.open(at: path)
    func job(_ name: String, _ vectors: String...) -> Job {
      Job(
        name: name, sources: vectors.map { Source(table: "chat_messages", vector: $0) },
        model: Self.job.model)
    }
    func spend(_ dollars: Double, by job: Job, on database: String = "db") async throws -> Double {
      let run = try await ledger.begin(job, on: database, at: Date())
      let batch = batch(1, of: run.id)
      try await ledger.requested(batch, target: run.targets[0], reservation: nil)
      try await ledger.received(reply(), to: batch, target: run.targets[0], cost: dollars, at: Date())
      try await ledger.end(run.id, .complete, Tally(), at: Date())
      return run.spent
    }
    #expect(try await spend(1, by: job("chat", "e1")) == 0)
    #expect(try await spend(2, by: job("chat", "e2")) == 1)
    #expect(try await spend(4, by: job("chat", "e1")) == 3)
    #expect(try await spend(8, by: job("other", "e3")) == 0)
    #expect(try await spend(16, by: job("chat", "e1"), on: "elsewhere") == 0)
    #expect(try await spend(32, by: job("other", "e1")) == 8 + 5, "what others have spent on its column counts too")
    _ = try await ledger.forget(
      ColumnIdentity(database: "db", column: "chat_messages.e2"), Source(table: "chat_messages", vector: "e2"))
    #expect(try await spend(0, by: job("chat", "e1")) == 1 + 4 + 32)
  }

  @Test func `a column that is filled anew loses what was paid for with another model, and says so`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await leaveSpool(ledger, run)
    var other = Self.job
    other.model.name = "other"
    let next = try await ledger.begin(other, on: "db", at: Date())
    #expect(next.spooled.isEmpty)
    #expect(next.watermarks == [nil, nil])
    #expect(try await ledger.condemned([.integer(7)], target: run.targets[0]).isEmpty)
    #expect(next.changes.count == 2)
    #expect(next.changes[0].contains("2 vectors that were paid for and not written are dropped"), "\(next.changes)")
    for job in [Self.job, other] {
      #expect(next.changes[0].contains("[\(job.fingerprint(of: Self.job.sources[0]))]"))
    }
  }

  @Test func `long texts that were left out are read again once they are made to fit, and all else stays`()
    async throws
  {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let long = CondemnedRow(
      source: 0, key: .integer(8), digest: TextDigest(of: "8"), Condemnation(.provider(.tooLarge), "too long"))
    let refused = CondemnedRow(
      source: 0, key: .integer(9), digest: TextDigest(of: "9"), Condemnation(.database, "refused by the database"))
    try await leaveSpool(ledger, run, condemned: [long, refused])
    var other = Self.job
    other.preparation.tooLong = .average
    let next = try await ledger.begin(other, on: "db", at: Date())
    #expect(next.spooled.map(\.rows) == [2])
    #expect(next.watermarks == [nil, nil])
    // What the provider refused may have been too long for it: row 7 is tried again.
    let condemned = try await ledger.condemned([.integer(7), .integer(8), .integer(9)], target: run.targets[0])
    #expect(condemned == [.integer(9): TextDigest(of: "9")])
  }

  @Test func `another key keeps nothing that goes by the former, and is refused while vectors wait by it`()
    async throws
  {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let spooled = try await leaveSpool(ledger, run)
    var other = Self.job
    other.sources[0].keys = ["uuid"]
    let failure = await #expect(throws: Failure.self) { try await ledger.begin(other, on: "db", at: Date()) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.reason.contains("holds 2 vectors of it by the key (id), and the job's is (uuid)") == true)
    try await ledger.settle(Settlement(batches: [spooled]), run: run.id, targets: run.targets, at: Date())
    let next = try await ledger.begin(other, on: "db", at: Date())
    #expect(next.watermarks == [nil, nil])
    #expect(next.changes == ["chat_messages.embedding is read from its beginning: its key was (id) and is (uuid)"])
    #expect(try await ledger.condemned([.integer(7)], target: run.targets[0]).isEmpty)
  }

  @Test func `another condition is noticed, and the column read from its beginning`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await leaveSpool(ledger, run)
    var other = Self.job
    other.sources[0].condition = "id > 5"
    let next = try await ledger.begin(other, on: "db", at: Date())
    #expect(
      next.changes == ["chat_messages.embedding is read from its beginning: the job's `where` or `since` has changed"])
    #expect(next.watermarks == [nil, nil])
    #expect(next.spooled.map(\.rows) == [2])
    #expect(try await ledger.begin(other, on: "db", at: Date()).changes.isEmpty)
  }

  @Test func `what the ledger says of a column counts once its vectors are proven`() async throws {
    let ledger = try Ledger.open(at: path)
    let column = Self.job.column(Self.job.sources[0], of: "db", isProven: false)
    var job = Self.job
    job.sources = [Self.job.sources[0]]
    let run = try await ledger.begin(job, on: "db", columns: [column], at: Date())
    #expect(try await ledger.fingerprint(of: column.identity, column.source, in: "db") == nil)
    try await ledger.prove(run.targets[0])
    #expect(try await ledger.fingerprint(of: column.identity, column.source, in: "db") == column.fingerprint)
  }

  @Test func `a column is the same under every address and name that its database knows it by`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "localhost", at: Date())
    try await leaveSpool(ledger, run)
    var other = Self.job
    other.sources[0].schema = "public"
    let columns = Self.job.sources.map { Self.job.column($0, of: "localhost") }
    let next = try await ledger.begin(other, on: "127.0.0.1", columns: columns, at: Date())
    #expect(next.targets == run.targets)
    #expect(next.spooled.map(\.rows) == [2])
  }

  /// Leaves two rows in the spool of the first source, another in quarantine and a watermark.
  @discardableResult
  private func leaveSpool(
    _ ledger: Ledger, _ run: Ledger.BegunRun, condemned: [CondemnedRow] = []
  ) async throws -> BatchID {
    let batch = batch(1, of: run.id)
    try await ledger.requested(batch, target: run.targets[0], reservation: nil)
    try await ledger.received(reply(), to: batch, target: run.targets[0], cost: nil, at: Date())
    let row = CondemnedRow(
      source: 0, key: .integer(7), digest: TextDigest(of: "7"), Condemnation(.provider(.badInput), "refused"))
    let settlement = Settlement(
      batches: [], condemned: [row] + condemned, watermarks: [.init(source: 0, key: .integer(9))])
    try await ledger.settle(settlement, run: run.id, targets: run.targets, at: Date())
    return batch.id
  }

  @Test(arguments: [("e\u{301}", "\u{e9}"), ("\u{1100}\u{1161}", "\u{ac00}"), ("\u{212b}", "\u{c5}")])
  func `a row is taken out of quarantine by its key's very bytes`(_ one: String, _ other: String) async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let rows = [one, other].map {
      CondemnedRow(source: 0, key: .text($0), digest: TextDigest(of: "t"), Condemnation(.database, "seen"))
    }
    try await ledger.settle(Settlement(condemned: rows), run: run.id, targets: run.targets, at: Date())
    let source = Self.job.sources[0].name
    #expect(try await ledger.release(source: source, keys: [one]) == 1)
    #expect(try await ledger.quarantined(in: source).map { Array($0.key.utf8) } == [Array(other.utf8)])
    #expect(try await ledger.release(source: source, keys: [one, other]) == 1)
  }

  @Test(arguments: [Ending.stopped(.terminate), .failed(Failure(.unavailable, "x", "y"))])
  func `an unfinished job is not resumed on another database or other tables`(ending: Ending) async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.end(run.id, ending, Tally(), at: Date())
    var tables = Self.job
    tables.sources.removeLast()
    for (job, database) in [(Self.job, "other"), (tables, "db")] {
      let failure = await #expect(throws: Failure.self) { try await ledger.begin(job, on: database, at: Date()) }
      #expect(failure?.exitCode == .configuration)
    }
    _ = try await ledger.begin(Self.job, on: "db", at: Date())
  }

  @Test func `a completed job may go to another database`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.end(run.id, .complete, Tally(), at: Date())
    _ = try await ledger.begin(Self.job, on: "other", at: Date())
    #expect(try await ledger.jobs().map(\.database) == ["other", "db"])
  }
}
