import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@Suite struct RunLockTests {
  let folder: TemporaryFolder
  let source = Source(table: "chat_messages")
  let holder = RunLock.Holder(pid: 42, host: "here", since: Date(timeIntervalSince1970: 0))

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test func `a second taker is refused and told who holds it`() throws {
    let lock = try RunLock(on: source, of: "db", in: folder.path, holder: holder)
    let failure = #expect(throws: Failure.self) {
      try RunLock(on: source, of: "db", in: folder.path, holder: holder)
    }
    #expect(failure?.exitCode == .locked)
    #expect(failure?.description.contains("process 42 on here since 1970-01-01T00:00:00Z") == true)
    #expect(RunLock.holder(of: source.name, vector: source.vector, of: "db", in: folder.path) == holder)
    withExtendedLifetime(lock) {}
  }

  @Test func `a lock that was let go is free, though its file still names the holder`() throws {
    do { _ = try RunLock(on: source, of: "db", in: folder.path, holder: holder) }
    #expect(RunLock.holder(of: source.name, vector: source.vector, of: "db", in: folder.path) == nil)
    _ = try RunLock(on: source, of: "db", in: folder.path, holder: holder)
  }

  @Test(arguments: [
    (Source(table: "other"), "db"), (Source(table: "chat_messages", vector: "v2"), "db"),
    (Source(table: "chat_messages"), "other"),
  ])
  func `another column, table or database is another lock`(other: Source, database: String) throws {
    let lock = try RunLock(on: source, of: "db", in: folder.path, holder: holder)
    _ = try RunLock(on: other, of: database, in: folder.path, holder: holder)
    withExtendedLifetime(lock) {}
  }
}
