import Backfill
import Foundation
import Postgres

/// The advisory locks of a run, on a connection of their own.
///
/// They are session locks. Behind a pooler a session may be shared, so there an otherwise empty transaction holds them:
/// it has no snapshot and locks no row, and the pooler has to leave it its server connection.
actor PostgresLocks {
  private struct Lock: Equatable {
    let source: Source
    let lock: AdvisoryLock
    /// What nobody else may hold beside it.
    var rivals: [AdvisoryLock] = []
  }

  /// A server process, told from every other that had its number.
  private struct Backend: Equatable {
    let pid: String?
    let start: String?

    init(_ row: PostgresRow) {
      (pid, start) = (row["pid"], row["start"])
    }
  }

  private let connection: PostgresConnection
  private var held: [Lock] = []
  /// The server processes that held the locks over this connection: what one of them still holds is this process's own.
  private let backends = Locked<[Backend]>([])
  /// Whether the locks' last connection went through a pooler.
  private let wasPooled = Locked(false)

  init(connection: PostgresConnection) {
    self.connection = connection
  }

  /// Takes the lock `name`, or a share of it; throws a `Failure` with `.locked` that names its holder, or that of one of
  /// `rivals`.
  func take(
    _ name: String, isShared: Bool = false, for source: Source, rivals: [AdvisoryLock] = []
  ) async throws {
    let lock = Lock(source: source, lock: AdvisoryLock(named: name, isShared: isShared), rivals: rivals)
    guard !held.contains(lock) else { return try await confirm() }
    // By their keys: a lock that is shared has the same.
    if let other = held.first(where: { held in rivals.contains { $0.key == held.lock.key } }) {
      throw Failure(
        .configuration, source.name, "its rows are also rows of the job's \(other.source.name)",
        remedy: "leave one of both out: a table and its partition, or one that inherits from it, are filled as one")
    }
    try await acquire(lock)
    // It may have been held with other rivals.
    held.removeAll { $0.source == source && $0.lock == lock.lock }
    held.append(lock)
  }

  /// Makes sure that the locks are still held: where their connection was lost, takes them again.
  func confirm() async throws {
    if !held.isEmpty { try await acquire(nil) }
  }

  var arePooled: Bool { wasPooled.withLock { $0 } }

  /// Gives the connection back, and with it the locks, until they are taken or confirmed next.
  func letGo() async { await connection.close() }

  func close() async {
    await connection.close()
    held = []
  }

  private func acquire(_ new: Lock?) async throws {
    let (held, own, wasPooled) = (held, backends, wasPooled)
    try await connection.run { connection in
      if !connection.isAlive {
        do {
          let isPooled = try Self.open(connection, own: own)
          wasPooled.withLock { $0 = isPooled }
          for lock in held { try Self.acquire(lock, own: own, on: connection) }
        } catch {
          // An open connection stands for locks that are held.
          connection.close()
          throw error
        }
      }
      if let new { try Self.acquire(new, own: own, on: connection) }
    }
  }

  /// Connects, and keeps the server from ending the session for being idle, as far as its version knows such a limit.
  /// Returns whether there is a pooler between.
  private static func open(_ connection: isolated PostgresConnection, own: Locked<[Backend]>) throws -> Bool {
    try connection.reconnect()
    let isPooled = try connection.isPooled()
    if isPooled { try connection.execute("BEGIN READ ONLY") }
    // As a simple query: one with parameters leaves its portal open, and with it a snapshot for which vacuum and every
    // concurrent index build would wait as long as the transaction lasts.
    let limits = ["idle_session_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"].map { name in
      "CASE WHEN current_setting('\(name)', true) IS NOT NULL THEN set_config('\(name)', '0', \(isPooled)) END"
    }
    try connection.execute("SELECT \(limits.joined(separator: ", "))")
    // What pg_stat_activity is made of, without the names that it looks up in the catalogue.
    let backend = try connection.execute(
      "SELECT pid, extract(epoch FROM backend_start) AS start FROM pg_stat_get_activity(pg_backend_pid())")
    if let backend = backend.first { own.withLock { $0.append(Backend(backend)) } }
    return isPooled
  }

  private static func acquire(_ lock: Lock, own: Locked<[Backend]>, on connection: isolated PostgresConnection) throws {
    // A holder that is gone before it could be named has freed the lock.
    for _ in 0..<3 {
      var wanted = lock.lock
      if try wanted.take(on: connection) {
        guard let rival = try AdvisoryLock.held(among: lock.rivals, on: connection) else { return }
        // Both look once they have their own: at least one of them finds the other.
        try wanted.release(on: connection)
        wanted = rival
      }
      // In a transaction, the sessions stay as they were when it first looked.
      try connection.execute("SELECT pg_stat_clear_snapshot()")
      guard let holder = try wanted.holder(on: connection) else { continue }
      if own.withLock({ $0.contains(Backend(holder)) }) {
        throw PostgresError(message: "the server still holds the lock of a lost connection", endsConnection: true)
      }
      throw refusal(lock, by: holder)
    }
    throw refusal(lock, by: nil)
  }

  private static func refusal(_ lock: Lock, by holder: PostgresRow?) -> Failure {
    let name = holder?["name"].flatMap { $0.isEmpty ? nil : $0 } ?? "another process"
    let place = holder?["address"].map { " at \($0)" } ?? ""
    let since = holder?["since"].map { " since \($0)" } ?? ""
    return Failure(
      .locked, lock.source.name, "\(name)\(place) fills it\(since)",
      remedy: "wait until that process ends, or end it: then the lock is free")
  }
}
