import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

@Suite struct LedgerTests {
  let folder: TemporaryFolder
  var path: String { folder.file("state/vecfill.db") }

  init() throws {
    folder = try TemporaryFolder()
  }

  static let job = Job(
    name: "chat", sources: [Source(table: "chat_messages"), Source(table: "standalone_chat_messages")],
    model: Model(name: "text-embedding-3-small", dimensions: 3, usdPerMillionTokens: 20_000))

  func batch(_ number: Int, of run: Int64, rows: Int = 2) -> Batch {
    Batch(
      id: BatchID(run: run, number: number), source: 0, page: 1,
      contents: Batch.Contents(
        inputs: (0..<rows).map { Input(texts: ["text \($0)"], tokens: [5], isExact: false) },
        rows: (0..<rows).map { BatchRow(key: .integer(Int64($0)), digest: TextDigest(of: "text \($0)"), input: $0) }))
  }

  func reply(rows: Int = 2, tokens: Int? = 7) -> EmbeddingReply {
    EmbeddingReply(
      vectors: Vectors(dimensions: 3, values: (0..<3 * rows).map(Float.init)), billedTokens: tokens, requestID: "req_1")
  }

  // MARK: The file

  @Test func `a new ledger and its folder are readable by their owner alone`() throws {
    _ = try Ledger.open(at: path)
    for (path, mode) in [(path, 0o600), (folder.file("state"), 0o700)] {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == mode)
    }
  }

  @Test func `a ledger that others could read is closed to them`() throws {
    _ = try Ledger.open(at: path)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    _ = try Ledger.open(at: path)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
  }

  @Test func `a ledger of a newer version is refused, and left as it is`() throws {
    _ = try Ledger.open(at: path)
    try DatabaseQueue(path: path).write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')") }
    let before = FileManager.default.contents(atPath: path)
    for open in [{ _ = try Ledger.open(at: path) }, { _ = try Ledger.openForReading(at: path) }] {
      let failure = #expect(throws: Failure.self) { try open() }
      #expect(failure?.exitCode == .configuration)
      #expect(failure?.description.contains("newer vecfill") == true)
    }
    #expect(FileManager.default.contents(atPath: path) == before)
  }

  @Test func `a file that is no ledger is refused`() throws {
    try FileManager.default.createDirectory(atPath: folder.file("state"), withIntermediateDirectories: true)
    try Data(String(repeating: "not a database ", count: 100).utf8).write(to: URL(fileURLWithPath: path))
    let failure = #expect(throws: Failure.self) { try Ledger.open(at: path) }
    #expect(failure?.exitCode == .localIO)
  }

  @Test func `a path that can't be written names itself`() throws {
    try Data().write(to: URL(fileURLWithPath: folder.file("state")))
    let failure = #expect(throws: Failure.self) { try Ledger.open(at: path) }
    #expect(failure?.exitCode == .localIO)
    #expect(failure?.subject == path)
  }

  @Test func `reading where there is no ledger makes none`() throws {
    #expect(try Ledger.openForReading(at: path) == nil)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `a ledger can be read though a killed process has left a transaction half-done`() async throws {
    let ledger = try Ledger.open(at: path)
    _ = try await ledger.begin(Self.job, on: "db", at: Date())
    // What a kill leaves: some pages of an uncommitted transaction in the file, and the journal that undoes them.
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let writer = try DatabaseQueue(path: path, configuration: configuration)
    let (path, copy) = (path, folder.file("copy.db"))
    try await writer.writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA journal_mode = TRUNCATE; PRAGMA cache_size = 1; BEGIN IMMEDIATE")
      try db.execute(sql: "UPDATE run SET job = 'half-done', reason = hex(zeroblob(200000))")
      for ending in ["", "-journal"] {
        try FileManager.default.copyItem(atPath: path + ending, toPath: copy + ending)
      }
      try db.execute(sql: "ROLLBACK")
    }
    let size = try #require(FileManager.default.attributesOfItem(atPath: copy + "-journal")[.size] as? Int)
    try #require(size > 512, "the journal holds pages")
    #expect(try await Ledger.openForReading(at: copy)?.jobs().map(\.job) == ["chat"])
  }

  @Test func `a ledger that is just being made reads as none`() throws {
    try FileManager.default.createDirectory(atPath: folder.file("state"), withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(try Ledger.openForReading(at: path) == nil)
  }

  @Test func `what is written at the same time shares its transactions, and each is durable when it returns`()
    async throws
  {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let before = try changeCount()
    let copy = folder.file("copy.db")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 1...200 {
        group.addTask { [self] in
          try await ledger.requested(batch(number, of: run.id), target: run.targets[0], reservation: nil)
        }
      }
      try await group.next()
      try FileManager.default.copyItem(atPath: path, toPath: copy)
      try await group.waitForAll()
    }
    #expect(try await ledger.jobs().first?.totals.openRequests == 200)
    #expect(try changeCount() - before <= 100)
    #expect(try await Ledger.openForReading(at: copy)?.jobs().first?.totals.openRequests ?? 0 > 0)
  }

  /// SQLite's count of committed transactions, at byte 24 of the file.
  private func changeCount() throws -> Int {
    let header = try #require(FileManager.default.contents(atPath: path)).prefix(28).suffix(4)
    return header.reduce(0) { $0 << 8 | Int($1) }
  }

  @Test func `a write that fails is told to each that shared its transaction, and leaves nothing behind`() async throws
  {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let failures = await withTaskGroup(of: Bool.self) { group in
      for number in 1...50 {
        group.addTask { [self] in
          do {
            // No target of that number: a foreign key that SQLite refuses.
            try await ledger.requested(
              batch(number, of: run.id), target: number == 25 ? 999 : run.targets[0], reservation: nil)
            return false
          } catch {
            return (error as? Failure)?.exitCode == .localIO
          }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(failures >= 1)
    #expect(try await ledger.jobs().first?.totals.openRequests == 50 - failures)
  }

  @Test func `a ledger of version 1 is taken over, its columns as what they are`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.end(run.id, .complete, Tally(), at: Date())
    try await DatabaseQueue(path: path).write { db in
      try db.execute(
        sql: """
          DELETE FROM grdb_migrations WHERE identifier = '2';
          ALTER TABLE receipt DROP COLUMN fitted_rows;
          UPDATE run SET tally = json_remove(tally, '$.fitted'),
            fingerprint = json_remove(fingerprint, '$.preparation.tooLong');
          UPDATE target SET fingerprint = json_remove(fingerprint, '$.preparation.tooLong');
          """)
    }
    let again = try Ledger.open(at: path)
    #expect(try await again.jobs().first?.fingerprint == Self.job.fingerprint)
    _ = try await again.begin(Self.job, on: "db", at: Date())
  }

  // MARK: Batches

  @Test func `a received batch survives its process and is told to the next run, vectors and all`() async throws {
    let first = try Ledger.open(at: path)
    let run = try await first.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id)
    try await first.requested(batch, target: run.targets[0], reservation: 1)
    try await first.received(reply(), to: batch, target: 1, cost: 0.14, at: Date())

    let second = try Ledger.open(at: path)
    let next = try await second.begin(Self.job, on: "db", at: Date())
    #expect(next.spooled == [Conductor.Spooled(id: batch.id, source: 0, rows: 2)])
    #expect(next.possiblyPaid == 0)
    #expect(next.spent == 0.14)
    let spooled = try await second.spooled(batch.id)
    let rows = spooled.rows.embedded(by: spooled.vectors)
    #expect(rows == batch.contents.rows.embedded(by: reply().vectors))
  }

  @Test func `a request without a reply counts as possibly paid, once, at the most that it can cost`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.requested(batch(1, of: run.id), target: run.targets[0], reservation: 0.5)
    let next = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(next.possiblyPaid == 1)
    #expect(next.spooled.isEmpty)
    #expect(next.spent == 0.5)
    let third = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(third.possiblyPaid == 0)
    #expect(third.spent == 0.5)
  }

  @Test(arguments: [true, false]) func `a failed request counts as possibly paid only if it may have been billed`(
    mayHaveBeenBilled: Bool
  ) async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id)
    try await ledger.requested(batch, target: run.targets[0], reservation: 0.5)
    try await ledger.failed(batch, EmbeddingFailure(.transient, "reset", mayHaveBeenBilled: mayHaveBeenBilled))
    let status = try #require(await ledger.jobs().first)
    #expect(status.totals.possiblyPaid == (mayHaveBeenBilled ? 1 : 0))
    #expect(status.totals.openRequests == 0)
    let next = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(next.possiblyPaid == 0)
    #expect(next.spent == (mayHaveBeenBilled ? 0.5 : 0))
  }

  @Test func `settling drops the spool and moves the watermark of its source alone`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id)
    try await ledger.requested(batch, target: run.targets[0], reservation: nil)
    try await ledger.received(reply(), to: batch, target: 1, cost: nil, at: Date())
    let settlement = Settlement(batches: [batch.id], watermarks: [.init(source: 0, key: .text("ключ'"))])
    try await ledger.settle(settlement, run: run.id, targets: run.targets, at: Date())
    let next = try await ledger.begin(Self.job, on: "db", at: Date())
    #expect(next.spooled.isEmpty)
    #expect(next.watermarks == [.text("ключ'"), nil])
    await #expect(throws: Failure.self) { try await ledger.spooled(batch.id) }
  }

  @Test func `a reply without usage is marked as counted here`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    for (number, tokens) in [(1, nil), (2, 7)] {
      try await ledger.requested(batch(number, of: run.id), target: run.targets[0], reservation: nil)
      try await ledger.received(
        reply(tokens: tokens), to: batch(number, of: run.id), target: run.targets[0], cost: nil, at: Date())
    }
    let receipts = try await DatabaseQueue(path: path).read { db in
      try Row.fetchAll(db, sql: "SELECT billed_tokens, is_counted_here FROM receipt ORDER BY number")
        .map { [$0["billed_tokens"] as Int, $0["is_counted_here"] as Int] }
    }
    #expect(receipts == [[10, 1], [7, 0]])
  }

  @Test func `a condemned row is left out by its key and digest`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let batch = batch(1, of: run.id, rows: 1)
    try await ledger.requested(batch, target: run.targets[0], reservation: nil)
    let row = CondemnedRow(source: 0, row: batch.contents.rows[0], Condemnation(.provider(.badInput), "refused"))
    let settlement = Settlement(batches: [batch.id], condemned: [row])
    try await ledger.settle(settlement, run: run.id, targets: run.targets, at: Date())
    let condemned = try await ledger.condemned([.integer(0), .integer(1)], target: run.targets[0])
    #expect(condemned == [.integer(0): TextDigest(of: "text 0")])
    #expect(try await ledger.condemned([.integer(0)], target: run.targets[1]).isEmpty)
  }

  @Test func `no text is anywhere in the file`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.requested(batch(1, of: run.id), target: run.targets[0], reservation: 1)
    let bytes = try #require(FileManager.default.contents(atPath: path))
    #expect(bytes.range(of: Data("chat_messages".utf8)) != nil)
    #expect(bytes.range(of: Data("text 0".utf8)) == nil)
  }

  // MARK: Fingerprints

  @Test(arguments: [Model(name: "other", dimensions: 3), Model(name: "text-embedding-3-small", dimensions: 4)])
  func `a column never takes vectors of another model or dimension`(model: Model) async throws {
    var other = Self.job
    other.model = model
    try await expectRefusal(of: other)
  }

  @Test func `a column never takes vectors of texts prepared another way`() async throws {
    var other = Self.job
    other.preparation = TextPreparation(newlines: .space)
    try await expectRefusal(of: other)
  }

  @Test func `a column never takes vectors of texts that were too long and fitted another way`() async throws {
    var other = Self.job
    other.preparation = TextPreparation(tooLong: .average)
    try await expectRefusal(of: other)
  }

  private func expectRefusal(of other: Job) async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    try await ledger.end(run.id, .complete, Tally(), at: Date())
    let failure = await #expect(throws: Failure.self) { try await ledger.begin(other, on: "db", at: Date()) }
    #expect(failure?.exitCode == .configuration)
    for fingerprint in [Self.job.fingerprint, other.fingerprint] {
      #expect(failure?.description.contains("[\(fingerprint)]") == true)
    }
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
