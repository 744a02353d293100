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

  @Test func `a ledger whose making was cut off before its first table is gone on with`() throws {
    _ = try Ledger.open(at: path)
    let migrations = try DatabaseQueue.patient(path).read { db in
      try #require(try String.fetchOne(db, sql: "SELECT sql FROM sqlite_master WHERE name = 'grdb_migrations'"))
    }
    let begun = folder.file("begun.db")
    try DatabaseQueue.patient(begun).write { try $0.execute(sql: migrations) }
    #expect(try Ledger.openForReading(at: begun) == nil)
    _ = try Ledger.open(at: begun)
    #expect(try Ledger.openForReading(at: begun) != nil)
    // Another program's database has tables of its own.
    let foreign = folder.file("foreign.db")
    try DatabaseQueue.patient(foreign).write { try $0.execute(sql: "\(migrations); CREATE TABLE player (id)") }
    #expect(throws: Failure.self) { try Ledger.open(at: foreign) }
  }

  @Test(arguments: [
    Data(count: 4096), Data(count: 512) + Data(repeating: 0x5a, count: 12_000), Data("SQLi".utf8) + Data(count: 508),
  ])
  func `a ledger whose first page a power cut has torn is made again by its journal`(torn: Data) throws {
    let path = folder.file("torn.db")
    try torn.write(to: URL(fileURLWithPath: path))
    #expect(throws: Failure.self) { try Ledger.open(at: path) }
    // SQLite's journal of a transaction that began with an empty file: its mark, no page, a number, no page, sectors of 512 and
    // pages of 4096 bytes.
    let journal: [UInt8] = [
      0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x10, 0,
    ]
    try (Data(journal) + Data(count: 512 - journal.count)).write(to: URL(fileURLWithPath: path + "-journal"))
    #expect(try Ledger.openForReading(at: path) == nil)
    _ = try Ledger.open(at: path)
    #expect(try Ledger.openForReading(at: path) != nil)
  }

  @Test func `a file that is no ledger is refused, with a file beside it that is no journal too`() throws {
    let path = folder.file("notes.txt")
    for name in [path, path + "-journal"] {
      try Data("what I wrote down today".utf8).write(to: URL(fileURLWithPath: name))
    }
    let failure = #expect(throws: Failure.self) { try Ledger.open(at: path) }
    #expect(failure?.reason == "it is no SQLite database, and no ledger")
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "what I wrote down today")
  }

  @Test(arguments: ["device", "pipe", "link to a device"])
  func `a device and a pipe are refused, and keep their mode`(_ kind: String) throws {
    let path = folder.file("odd")
    switch kind {
    case "pipe": #expect(mkfifo(path, 0o644) == 0)
    case "link to a device": #expect(symlink("/dev/null", path) == 0)
    default: break
    }
    let odd = kind == "device" ? "/dev/null" : path
    var (before, after) = (stat(), stat())
    #expect(stat(odd, &before) == 0)
    for open in [{ _ = try Ledger.open(at: odd) }, { _ = try Ledger.openForReading(at: odd) }] {
      let failure = #expect(throws: Failure.self) { try open() }
      #expect(failure?.exitCode == .configuration)
      #expect(failure?.reason == "it is a device, a pipe or a socket, and no ledger")
    }
    #expect(stat(odd, &after) == 0 && after.st_mode == before.st_mode)
  }

  @Test func `a folder is told as one`() {
    for open in [{ _ = try Ledger.open(at: "/tmp") }, { _ = try Ledger.openForReading(at: "/tmp") }] {
      let failure = #expect(throws: Failure.self) { try open() }
      #expect(failure?.description == "/tmp: it is a folder; name a file in it with --ledger")
    }
  }

  @Test func `a ledger of a newer version is refused, and left as it is`() throws {
    _ = try Ledger.open(at: path)
    try DatabaseQueue.patient(path).write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')") }
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
    try await FirstLedger.make(at: path)
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

  @Test func `what was billed for an estimated token is told to the job's next runs, until another is found`()
    async throws
  {
    let ledger = try Ledger.open(at: path)
    let start = Date(timeIntervalSince1970: 1_000_000)
    var tally = Tally()
    for ratio in [nil, 1.4, nil, 1.2] {
      let run = try await ledger.begin(Self.job, on: "db", at: start)
      tally.billedPerEstimated = ratio
      try await ledger.end(run.id, .complete, tally, at: start)
    }
    #expect(try await ledger.begin(Self.job, on: "db", at: start).earlier.billedPerCounted == 1.2)
    // A run that was told nothing leaves what was known.
    #expect(try await ledger.begin(Self.job, on: "db", at: start).earlier.billedPerCounted == 1.2)
    var other = Self.job
    other.name = "another"
    other.model.name = "another"
    other.sources = [Source(table: "elsewhere")]
    #expect(try await ledger.begin(other, on: "db", at: start).earlier.billedPerCounted == nil)
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
}
