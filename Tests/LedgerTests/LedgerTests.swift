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
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try await DatabaseQueue(path: path).write { db in try db.execute(sql: Self.version1) }
    let ledger = try Ledger.open(at: path)
    let source = Self.job.sources[0]
    #expect(try await ledger.jobs().first?.columns.map(\.source) == ["chat_messages", "standalone_chat_messages"])
    let column = Self.job.column(source, of: "postgresql 7/5")
    #expect(
      try await ledger.fingerprint(of: column.identity, source, in: "db") == Self.job.fingerprint(of: source))
    let columns = Self.job.sources.map { Self.job.column($0, of: "postgresql 7/5") }
    let next = try await ledger.begin(Self.job, on: "db", columns: columns, at: Date())
    #expect(next.targets == [1, 2])
    #expect(next.spent == 0.5)
    #expect(next.changes.isEmpty)
    #expect(next.watermarks == [.integer(9), nil])
    // From now on it goes by what the database says, and not by the address.
    #expect(try await ledger.fingerprint(of: column.identity, source, in: "other") != nil)
  }

  /// A ledger as the first version left it, with one run that was stopped.
  private static let version1 = """
    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
    INSERT INTO grdb_migrations VALUES ('1');
    CREATE TABLE target (
      id INTEGER PRIMARY KEY, database TEXT NOT NULL, source TEXT NOT NULL, vector_column TEXT NOT NULL,
      fingerprint TEXT NOT NULL, watermark TEXT, UNIQUE (database, source, vector_column));
    CREATE TABLE run (
      id INTEGER PRIMARY KEY, job TEXT NOT NULL, database TEXT NOT NULL, fingerprint TEXT NOT NULL,
      sources TEXT NOT NULL, model TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL, state TEXT NOT NULL,
      exit_code INTEGER, reason TEXT, tally TEXT NOT NULL);
    CREATE TABLE batch (
      run_id INTEGER NOT NULL REFERENCES run (id), number INTEGER NOT NULL,
      target_id INTEGER NOT NULL REFERENCES target (id), state TEXT NOT NULL, inputs INTEGER NOT NULL,
      tokens INTEGER NOT NULL, reservation REAL, possibly_paid INTEGER NOT NULL DEFAULT 0, contents BLOB,
      PRIMARY KEY (run_id, number)) WITHOUT ROWID;
    CREATE INDEX batch_open ON batch (state) WHERE state IN ('requested', 'received');
    CREATE TABLE receipt (
      id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL, number INTEGER NOT NULL, request_id TEXT,
      inputs INTEGER NOT NULL, billed_tokens INTEGER NOT NULL, is_counted_here INTEGER NOT NULL, cost REAL,
      received_at REAL NOT NULL, FOREIGN KEY (run_id, number) REFERENCES batch (run_id, number));
    CREATE INDEX receipt_run ON receipt (run_id);
    CREATE TABLE spool (
      run_id INTEGER NOT NULL, number INTEGER NOT NULL, dimensions INTEGER NOT NULL, vectors BLOB NOT NULL,
      PRIMARY KEY (run_id, number));
    CREATE TABLE quarantine (
      target_id INTEGER NOT NULL REFERENCES target (id), key TEXT NOT NULL, digest BLOB NOT NULL,
      class TEXT NOT NULL, reason TEXT NOT NULL, run_id INTEGER NOT NULL, condemned_at REAL NOT NULL,
      PRIMARY KEY (target_id, key)) WITHOUT ROWID;
    INSERT INTO target (database, source, vector_column, fingerprint, watermark) VALUES
      ('db', 'chat_messages', 'embedding', FINGERPRINT, '9'),
      ('db', 'standalone_chat_messages', 'embedding', FINGERPRINT, NULL);
    INSERT INTO run (job, database, fingerprint, sources, model, started_at, ended_at, state, exit_code, tally)
    VALUES ('JOB', 'db', FINGERPRINT, 'chat_messages.embedding,standalone_chat_messages.embedding',
      'text-embedding-3-small', 1, 2, 'stopped', 130, json_remove(TALLY, '$.fitted', '$.unreadable'));
    INSERT INTO batch (run_id, number, target_id, state, inputs, tokens) VALUES (1, 1, 1, 'settled', 2, 20);
    INSERT INTO receipt (run_id, number, inputs, billed_tokens, is_counted_here, cost, received_at)
    VALUES (1, 1, 2, 20, 0, 0.5, 1);
    """
    .replacing(
      "FINGERPRINT", with: #"'{"dimensions":3,"model":"text-embedding-3-small","preparation":{"newlines":"keep"}}'"#
    )
    .replacing("TALLY", with: "'\(String(decoding: (try? JSONEncoder().encode(Tally())) ?? Data(), as: UTF8.self))'")
    .replacing("JOB", with: job.name)

  // MARK: Limits

  @Test func `the next run is told what was sent in the last minute with its model, each time that it was sent`()
    async throws
  {
    let ledger = try Ledger.open(at: path)
    let start = Date(timeIntervalSince1970: 1_000_000)
    let run = try await ledger.begin(Self.job, on: "db", at: start)
    #expect(run.earlier == EarlierUse())
    let batch = batch(1, of: run.id)
    let refusal = EmbeddingFailure(.transient, "reset")
    for second in [0.0, 10, 50] {
      try await ledger.requested(batch, target: run.targets[0], reservation: nil, at: start + second)
      try await ledger.failed(batch, refusal, at: start + second)
    }
    let tokens = batch.contents.tokenCount
    let next = try await ledger.begin(Self.job, on: "db", at: start + 65)
    #expect(
      next.earlier.requests == [55, 15].map { EarlierUse.Request(age: .seconds($0), tokens: tokens) })
    var other = Self.job
    other.model.name = "another"
    other.name = "another"
    other.sources = [Source(table: "elsewhere")]
    #expect(try await ledger.begin(other, on: "db", at: start + 65).earlier == EarlierUse())
    other.model = Self.job.model
    other.sources = [Source(table: "further")]
    other.name = "third"
    #expect(try await ledger.begin(other, on: "db", at: start + 65).earlier == next.earlier)
    #expect(try await ledger.begin(other, on: "db", at: start + 111).earlier == EarlierUse())
  }

  @Test func `a clock that was put back neither loses what was just sent nor waits for the future`() async throws {
    let ledger = try Ledger.open(at: path)
    let start = Date(timeIntervalSince1970: 1_000_000)
    let run = try await ledger.begin(Self.job, on: "db", at: start)
    try await ledger.requested(batch(1, of: run.id), target: run.targets[0], reservation: nil, at: start)
    #expect(try await ledger.begin(Self.job, on: "db", at: start - 30).earlier.requests.map(\.age) == [.zero])
    #expect(try await ledger.begin(Self.job, on: "db", at: start - 3_600).earlier == EarlierUse())
  }

  @Test func `limits that a provider told are told to the next run for a minute`() async throws {
    let ledger = try Ledger.open(at: path)
    let start = Date(timeIntervalSince1970: 1_000_000)
    let run = try await ledger.begin(Self.job, on: "db", at: start)
    let batch = batch(1, of: run.id)
    var hints = RateLimitHints()
    (hints.requestLimit, hints.tokenLimit) = (60, 1_000)
    try await ledger.failed(batch, EmbeddingFailure(.rateLimited, "429", rateLimits: hints), at: start)
    hints = RateLimitHints()
    hints.requestLimit = 30
    try await ledger.failed(batch, EmbeddingFailure(.rateLimited, "429", rateLimits: hints), at: start + 5)
    try await ledger.failed(batch, EmbeddingFailure(.transient, "500"), at: start + 6)
    #expect(
      try await ledger.begin(Self.job, on: "db", at: start + 10).earlier.told
        == Job.Limits(requestsPerMinute: 30, tokensPerMinute: 1_000))
    #expect(try await ledger.begin(Self.job, on: "db", at: start + 70).earlier.told == Job.Limits())
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

  @Test func `settling keeps the vectors as written and moves the watermark of its source alone`() async throws {
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
    let kept = try await ledger.kept(of: run.targets[0])
    #expect(kept[.integer(0)] == KeptRow(batch: batch.id, digest: TextDigest(of: "text 0")))
    #expect(try await ledger.kept(of: run.targets[1]).isEmpty)
    await #expect(throws: Failure.self) { try await ledger.spooled(BatchID(run: run.id, number: 9)) }
  }

  @Test func `of the vectors that were written only the last ones are kept`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    // 16 MiB a batch.
    let vectors = Vectors(dimensions: 1 << 21, values: [Float](repeating: 1, count: 1 << 22))
    for number in 1...6 {
      let row = BatchRow(key: .integer(Int64(number)), digest: TextDigest(of: "text"), input: 0)
      let inputs = [Input(texts: ["a"], tokens: [1], isExact: true), Input(texts: ["b"], tokens: [1], isExact: true)]
      let batch = Batch(
        id: BatchID(run: run.id, number: number), source: 0, page: 1,
        contents: Batch.Contents(inputs: inputs, rows: [row]))
      try await ledger.requested(batch, target: run.targets[0], reservation: nil)
      try await ledger.received(
        EmbeddingReply(vectors: vectors, billedTokens: 2), to: batch, target: run.targets[0], cost: nil, at: Date())
      try await ledger.settle(Settlement(batches: [batch.id]), run: run.id, targets: run.targets, at: Date())
    }
    let kept = try await ledger.kept(of: run.targets[0])
    #expect(Set(kept.keys) == [.integer(3), .integer(4), .integer(5), .integer(6)])
    #expect(try await ledger.spooled(BatchID(run: run.id, number: 1)).rows.isEmpty)
    #expect(try await ledger.spooled(BatchID(run: run.id, number: 6)).vectors.values == vectors.values)
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

  // MARK: Columns

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
    #expect(next.changes == ["chat_messages.embedding is read from its beginning: the job's `where` has changed"])
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
