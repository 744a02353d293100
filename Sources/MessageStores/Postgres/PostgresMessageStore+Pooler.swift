import Backfill
import Postgres

extension PostgresMessageStore {
  /// For so long a pooler may leave a statement waiting before vecfill finds out whether it waits for vecfill's own
  /// connection.
  private static let mostPoolerWait: Duration = .seconds(5)
  /// What comes within so long after vecfill gave its own connection back may be that very one. Another client may have
  /// given one back in the same moment, so only a second time is it taken for that.
  private static let atOnce: Duration = .seconds(1)

  /// Takes the locks `names`, the first of which nobody has beside one of `rivals`.
  ///
  /// Behind a pooler they keep a server connection to themselves. Throws a `Failure` with `.unavailable` where the pooler
  /// has no second one for the reader.
  func takeLocks(
    _ names: [(name: String, isShared: Bool)], for source: Source, rivals: [AdvisoryLock] = []
  ) async throws {
    var isSecond = false
    while true {
      // In session mode the reader has the one connection, else the locks have it.
      var wait = try await runBeside(
        giveBack: { await self.reader.close() },
        body: { try await self.takeEach(names, for: source, rivals: rivals) })
      guard await locks.arePooled else { return }
      if wait == nil {
        wait = try await runBeside(
          giveBack: { await self.locks.letGo() },
          body: { try await self.read(source) { _ = try $0.query("SELECT 1") } })
      }
      guard let wait else { return }
      // What took longer came from another client: the pool is a busy one.
      guard wait < Self.atOnce else { return try await takeEach(names, for: source, rivals: rivals) }
      guard !isSecond else { break }
      isSecond = true
    }
    throw Failure(
      .unavailable, address,
      "the pooler gave no second server connection within \(Int(Self.mostPoolerWait / .seconds(1))) s, "
        + "and one as soon as vecfill gave its first one back, twice in a row",
      remedy: "give its pool more connections (default_pool_size in PgBouncer), or use the database's own address")
  }

  private func takeEach(
    _ names: [(name: String, isShared: Bool)], for source: Source, rivals: [AdvisoryLock]
  ) async throws {
    try await withPatience(for: source) { _ in
      for (index, lock) in names.enumerated() {
        try await self.locks.take(lock.name, isShared: lock.isShared, for: source, rivals: index == 0 ? rivals : [])
      }
    }
  }

  /// Runs `body`, which needs a second server connection. After some seconds `giveBack` gives the first one back to the
  /// pooler. Returns how long `body` went on after that; nil where it ended before.
  private func runBeside(
    giveBack: () async -> Void, body: @escaping @Sendable () async throws -> Void
  ) async throws -> Duration? {
    try await withThrowingTaskGroup(of: Bool.self) { group in
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
        return nil
      }
      await giveBack()
      let given = ContinuousClock.now
      _ = try await group.next()
      return ContinuousClock.now - given
    }
  }
}
