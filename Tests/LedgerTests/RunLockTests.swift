import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@Suite struct RunLockTests {
  let folder: TemporaryFolder
  let column = ColumnIdentity(database: "db", column: "chat_messages.embedding")
  let holder = RunLock.Holder(pid: 42, host: "here", since: Date(timeIntervalSince1970: 0))

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test func `a second taker is refused and told who holds it`() throws {
    let lock = try RunLock(on: column, "chat_messages", in: folder.path, holder: holder)
    let failure = #expect(throws: Failure.self) {
      try RunLock(on: column, "chat_messages", in: folder.path, holder: holder)
    }
    #expect(failure?.exitCode == .locked)
    #expect(failure?.description.contains("process 42 on here since 1970-01-01T00:00:00Z") == true)
    #expect(RunLock.holder(of: "\(column)", in: folder.path) == holder)
    withExtendedLifetime(lock) {}
  }

  @Test func `a lock that was let go is free, though its file still names the holder`() throws {
    do { _ = try RunLock(on: column, "chat_messages", in: folder.path, holder: holder) }
    #expect(RunLock.holder(of: "\(column)", in: folder.path) == nil)
    _ = try RunLock(on: column, "chat_messages", in: folder.path, holder: holder)
  }

  @Test(arguments: [
    ColumnIdentity(database: "db", column: "chat_messages.v2"),
    ColumnIdentity(database: "other", column: "chat_messages.embedding"),
  ])
  func `another column or database is another lock`(other: ColumnIdentity) throws {
    let lock = try RunLock(on: column, "chat_messages", in: folder.path, holder: holder)
    _ = try RunLock(on: other, "chat_messages", in: folder.path, holder: holder)
    withExtendedLifetime(lock) {}
  }
}
