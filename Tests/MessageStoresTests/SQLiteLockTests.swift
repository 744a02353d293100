import Backfill
import Foundation
import Postgres
import TestSupport
import Testing

@testable import MessageStores

/// Locks of other processes on the file, and what is left of vecfill's own.
@Suite(.timeLimit(.minutes(2))) struct SQLiteLockTests {
  private static let source = Source(table: "messages")
  private static let rows = [EmbeddedRow(1, "one", [1, 2, 3]), EmbeddedRow(2, "two", [1, 2, 3])]

  private func prepare(_ mode: String = "delete", patience: Duration = .seconds(40)) async throws
    -> (SQLiteFile, SQLiteMessageStore)
  {
    let file = try SQLiteFile()
    try await file.run(
      """
      PRAGMA journal_mode = \(mode);
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB);
      INSERT INTO messages (id, content) VALUES (1, 'one'), (2, 'two')
      """)
    return (file, try await SQLiteMessageStore(url: DatabaseURL(file.url), patience: patience))
  }

  @Test(arguments: ["delete", "wal"])
  func `a lock that goes in time is waited for, by reads too`(_ mode: String) async throws {
    let (file, store) = try await prepare(mode)
    try await file.run("BEGIN EXCLUSIVE; UPDATE messages SET content = 'zwei' WHERE id = 2")
    async let page = store.page(of: Self.source, PageRequest(limit: 9))
    async let outcome = store.write(Self.rows, to: Self.source)
    try await file.run("COMMIT")
    #expect(try await outcome.written == [1])
    #expect(try await [1, 2].contains(page.messages.count))
    await store.close()
  }

  @Test(arguments: ["delete", "wal"])
  func `a lock that stays ends a write after the patience with 69, and nothing is written`(
    _ mode: String
  ) async throws {
    let (file, store) = try await prepare(mode, patience: .milliseconds(300))
    try await file.run("BEGIN IMMEDIATE")
    let failure = await #expect(throws: Failure.self) { try await store.write(Self.rows, to: Self.source) }
    #expect(failure?.exitCode == .unavailable)
    #expect(failure?.reason == "another process kept the database locked for 0.3 s")
    // Reading goes on beside such a lock.
    #expect(try await store.page(of: Self.source, PageRequest(limit: 9)).messages.count == 2)
    try await file.run("COMMIT")
    #expect(try await store.write(Self.rows, to: Self.source).written == [1, 2])
    await store.close()
  }

  @Test func `a lock that keeps everybody out ends reads and the opening alike`() async throws {
    let (file, store) = try await prepare(patience: .milliseconds(300))
    try await file.run("BEGIN EXCLUSIVE")
    for access in [StoreAccess.reading, .filling] {
      let failure = await #expect(throws: Failure.self) {
        try await SQLiteMessageStore(url: DatabaseURL(file.url), for: access, patience: .milliseconds(100))
      }
      #expect(failure?.exitCode == .unavailable && failure?.subject == file.path)
    }
    let failures = [
      await #expect(throws: Failure.self) { try await store.page(of: Self.source, PageRequest(limit: 9)) },
      await #expect(throws: Failure.self) { try await store.lastKey(of: Self.source) },
      await #expect(throws: Failure.self) { try await store.countRemaining(in: Self.source) },
      await #expect(throws: Failure.self) { try await store.inspect(Self.source, dimensions: 3) },
    ]
    #expect(failures.allSatisfy { $0?.exitCode == .unavailable && $0?.subject == "messages" })
    try await file.run("COMMIT")
    #expect(try await store.countRemaining(in: Self.source) == 2)
    await store.close()
  }

  @Test func `a commit waits for a reader to end`() async throws {
    let (file, store) = try await prepare()
    try await file.run("BEGIN; SELECT count(*) FROM messages")
    let write = Task { try await store.write(Self.rows, to: Self.source) }
    try await FileLocks(of: file.path).wait(for: "WRITE", on: FileLocks.pending)
    try await file.run("COMMIT")
    #expect(try await write.value.written == [1, 2])
    await store.close()
  }

  @Test func `a commit that is cancelled while it waits writes nothing and leaves no lock`() async throws {
    let (file, store) = try await prepare()
    let locks = try FileLocks(of: file.path)
    try await file.run("BEGIN; SELECT count(*) FROM messages")
    let write = Task { try await store.write(Self.rows, to: Self.source) }
    try await locks.wait(for: "WRITE", on: FileLocks.pending)
    write.cancel()
    await #expect(throws: CancellationError.self) { try await write.value }
    try await locks.wait(for: "WRITE", on: FileLocks.pending, isThere: false)
    try await file.run("COMMIT; BEGIN EXCLUSIVE; COMMIT")
    #expect(try await file.run("SELECT count(embedding) FROM messages") == [["0"]])
    #expect(try await store.write(Self.rows, to: Self.source).written == [1, 2])
    await store.close()
  }

  @Test(arguments: ["page", "count"])
  func `a statement is ended by a cancellation while it runs`(_ statement: String) async throws {
    let (file, store) = try await prepare()
    var slow = Self.source
    slow.condition = """
      (WITH RECURSIVE c(n) AS (SELECT id UNION ALL SELECT n + 1 FROM c WHERE n < 4000000000) SELECT max(n) FROM c) > 0
      """
    let source = slow
    let read = Task {
      if statement == "page" {
        _ = try await store.page(of: source, PageRequest(limit: 9))
      } else {
        _ = try await store.countRemaining(in: source)
      }
    }
    let locks = try FileLocks(of: file.path)
    try await locks.wait(for: "READ", on: FileLocks.shared)
    read.cancel()
    await #expect(throws: CancellationError.self) { try await read.value }
    try await locks.wait(for: "READ", on: FileLocks.shared, isThere: false)
    #expect(try await store.countRemaining(in: Self.source) == 2)
    await store.close()
  }

  @Test func `patience is about as long as it says, in short waits, and ends when cancelled`() {
    let patience = SQLitePatience(limit: .milliseconds(60))
    let start = ContinuousClock.now
    var tries = 0
    while patience.waits(tries: tries, isCancelled: { false }) { tries += 1 }
    #expect(tries == 11)
    #expect(ContinuousClock.now - start >= .milliseconds(60))
    #expect(!SQLitePatience().waits(tries: 0) { true })
    #expect(SQLitePatience().waits(tries: 1_600) { false })
    #expect(!SQLitePatience().waits(tries: 1_700) { false })
  }

  @Test(arguments: ["delete", "wal"])
  func `reading leaves no file behind`(_ mode: String) async throws {
    let (file, store) = try await prepare(mode)
    await store.close()
    try await file.run("PRAGMA wal_checkpoint(TRUNCATE)")
    // A copy that nobody has open.
    let folder = try TemporaryFolder()
    let path = folder.file("copy.db")
    try FileManager.default.copyItem(atPath: file.path, toPath: path)
    let bytes = try Data(contentsOf: URL(filePath: path))
    #expect(bytes[18] == (mode == "wal" ? 2 : 1))
    let reader = try await SQLiteMessageStore(url: DatabaseURL("sqlite:///\(path)"), for: .reading)
    #expect(try await reader.page(of: Self.source, PageRequest(limit: 9)).messages.count == 2)
    let refused = await #expect(throws: Failure.self) { try await reader.write(Self.rows, to: Self.source) }
    #expect(refused?.exitCode == .denied)
    await reader.close()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.db"])
    #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
  }

  @Test func `reading leaves the log of whoever has the file open`() async throws {
    let (file, store) = try await prepare("wal")
    let log = try Data(contentsOf: URL(filePath: file.path + "-wal"))
    #expect(!log.isEmpty)
    let reader = try await SQLiteMessageStore(url: DatabaseURL(file.url), for: .reading)
    #expect(try await reader.page(of: Self.source, PageRequest(limit: 9)).messages.count == 2)
    await reader.close()
    #expect(try Data(contentsOf: URL(filePath: file.path + "-wal")) == log)
    #expect(FileManager.default.fileExists(atPath: file.path + "-shm"))
    await store.close()
  }
}
