import Backfill
import Postgres

extension PostgresMessageStore {
  /// For so long a pooler may leave a statement waiting before vecfill finds out whether it waits for vecfill's own
  /// connection.
  private static let mostPoolerWait: Duration = .seconds(5)

  /// Takes the locks `names`, the first of which nobody has beside one of `rivals`.
  ///
  /// Behind a pooler they keep a server connection to themselves. Throws a `Failure` with `.unavailable` where the pooler
  /// has no second one for the reader, which would wait for ever.
  func takeLocks(
    _ names: [(name: String, isShared: Bool)], for source: Source, rivals: [AdvisoryLock] = []
  ) async throws {
    // In session mode the reader has the one connection, else the locks have it.
    try await runBeside(
      { await self.reader.close() },
      {
        try await self.withPatience(for: source) { _ in
          for (index, lock) in names.enumerated() {
            try await self.locks.take(
              lock.name, isShared: lock.isShared, for: source, rivals: index == 0 ? rivals : [])
          }
        }
      })
    guard await locks.arePooled else { return }
    try await runBeside(
      { await self.locks.close() }, { try await self.read(source) { _ = try $0.query("SELECT 1") } })
  }

  /// Runs `body`, which needs a second server connection. After some seconds `giveBack` gives the first one back to the pooler:
  /// where `body` ends then, there is no second one.
  private func runBeside(
    _ giveBack: () async -> Void, _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    let hadToWait = try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await body()
        return false
      }
      group.addTask {
        try await Task.sleep(for: Self.mostPoolerWait)
        return true
      }
      guard try await group.next() == true else {
        group.cancelAll()
        return false
      }
      await giveBack()
      _ = try await group.next()
      return true
    }
    guard hadToWait, await locks.arePooled else { return }
    throw Failure(
      .unavailable, address,
      "the pooler gave no second server connection within \(Int(Self.mostPoolerWait / .seconds(1))) s, "
        + "and one as soon as vecfill gave its first one back",
      remedy: "give its pool more connections (default_pool_size in PgBouncer), or use the database's own address")
  }
}
