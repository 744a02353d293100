import Backfill
import PgVector
import Postgres

/// Two connections: one that changes the schema, and one that watches it and holds the lock on migrating.
///
/// The watching one is idle outside of a transaction while the other works, so that no concurrent build waits for it.
struct PostgresPair: Sendable {
  let worker: PostgresConnection
  let watcher: PostgresConnection
  let workerPID: Int

  /// Runs `body` on connections to `url`, which are closed after it.
  static func with<Value>(
    _ url: DatabaseURL, applicationName: String, _ body: (PostgresPair) async throws -> Value
  ) async throws -> Value {
    let pair = try await connect(to: url, applicationName: applicationName)
    do {
      let value = try await body(pair)
      await pair.close()
      return value
    } catch {
      await pair.close()
      throw error
    }
  }

  static func connect(to url: DatabaseURL, applicationName: String) async throws -> PostgresPair {
    do {
      let worker = try await PostgresConnection.connect(to: url, applicationName: applicationName)
      let watcher = try await PostgresConnection.connect(to: url, applicationName: applicationName)
      let pid = try await worker.query("SELECT pg_backend_pid()")[0][0].flatMap(Int.init) ?? 0
      return PostgresPair(worker: worker, watcher: watcher, workerPID: pid)
    } catch let error as PostgresError {
      throw error.connectionFailure(url.redacted, setting: "the address")
    }
  }

  /// Sets the sessions up for long statements, once it is known that they are sessions of their own.
  func prepare() async throws {
    try await PoolerCheck.check(worker, watcher)
    // A client that was killed ends its statement within a second; no limit of the server's ends a long build.
    for connection in [worker, watcher] {
      try await connection.query(
        """
        SELECT set_config(name, CASE name WHEN 'client_connection_check_interval' THEN '1s' ELSE '0' END, false)
        FROM pg_settings WHERE name IN ('client_connection_check_interval', 'statement_timeout', 'lock_timeout',
          'idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
        """)
    }
  }

  /// Runs `body`, in which statements outside of a transaction find pgvector wherever it is.
  func withPgVectorOnPath(_ body: () async throws -> Void) async throws {
    let path = try await worker.query("SELECT current_setting('search_path')")[0][0] ?? ""
    try await worker.run { try $0.addPgVectorToPath(isLocal: false) }
    do {
      try await body()
      try await worker.setPath(path)
    } catch {
      // Where this fails too, the setting goes with the connection.
      _ = try? await worker.setPath(path)
      throw error
    }
  }

  /// Has the sessions find what has no schema of its own, as vecfill's records, in `schema`, where the role's search path
  /// names no schema that is there.
  func prefer(_ schema: String) async throws {
    guard try await watcher.query("SELECT current_schema()")[0][0] == nil else { return }
    do {
      try await PoolerCheck.check(worker, watcher)
    } catch is Failure {
      // Another client of the pooler's would get the setting.
      return
    }
    for connection in [worker, watcher] { try await connection.setPath(schema.quotedIdentifier) }
  }

  /// Throws a `Failure` with `.configuration` unless `url` is an address of the same database.
  func check(isAlsoAt url: DatabaseURL, applicationName: String) async throws {
    // The instant at which a server started tells it from any other.
    let whereabouts = "SELECT extract(epoch FROM pg_postmaster_start_time()), current_database()"
    do {
      let other = try await PostgresConnection.connect(to: url, applicationName: applicationName)
      let there = try await other.query(whereabouts)[0]
      await other.close()
      let here = try await watcher.query(whereabouts)[0]
      guard here[0] == there[0], here[1] == there[1] else {
        throw Failure(
          .configuration, "VECFILL_MIGRATION_DATABASE_URL", "it is the address of another database than DATABASE_URL",
          remedy: "name the same server and database, past any pooler")
      }
    } catch let error as PostgresError {
      throw error.connectionFailure(url.redacted)
    }
  }

  /// Runs `body` while no other process migrates or builds; throws a `Failure` with `.locked` once `patience` has passed.
  /// Without one it waits as long as it takes. `waiting` is told once who is waited for.
  ///
  /// A session lock on the watching connection, only ever tried: a build that waits for every snapshot would wait for a
  /// process that waits for the lock.
  func exclusively<Value: Sendable>(
    patience: Duration?, waiting: (Failure) -> Void = { _ in }, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    try await prepare()
    let started = ContinuousClock.now
    var isTold = false
    while try await !watcher.run({ try MigrationLock.take(on: $0) }) {
      let isOver = patience.map { started.duration(to: .now) >= $0 } ?? false
      if isOver || !isTold {
        let refusal = try await watcher.run { try MigrationLock.refusal(on: $0) }
        if isOver { throw refusal }
        waiting(refusal)
        isTold = true
      }
      try await Task.sleep(for: .milliseconds(.random(in: 100...400)))
    }
    let result: Result<Value, any Error>
    do {
      result = .success(try await body())
    } catch {
      result = .failure(error)
    }
    // Where this fails, the lock goes with the connection.
    _ = try? await watcher.run { try MigrationLock.release(on: $0) }
    return try result.get()
  }

  func close() async {
    await worker.close()
    await watcher.close()
  }

  /// Runs `body` on the worker, trying again while other transactions hold what it locks.
  ///
  /// Each attempt waits `patience.timeout` for all its locks together. Throws a `Failure` with `.unavailable` that names
  /// the blockers once the attempts are used up.
  func patiently<Value: Sendable>(
    _ patience: LockPatience, _ subject: String, tell: @Sendable (String) -> Void,
    _ body: @escaping @Sendable (isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    var attempt = 1
    var blockers: [PostgresSession] = []
    while true {
      let (result, seen) = await watched { try await worker.run(body) }
      if !seen.isEmpty { blockers = seen }
      do {
        return try result.get()
      } catch let error as PostgresError where error.isConflict {
        let names = blockers.isEmpty ? "an unknown session" : blockers.map(\.description).joined(separator: "; ")
        guard let wait = patience.wait(after: attempt, chance: .random(in: 0...1)) else {
          throw Failure(
            .unavailable, subject, "its lock was not free in \(attempt) attempts; it is held by \(names)",
            remedy: "wait for it or end it with pg_terminate_backend, then run the same command again")
        }
        tell("\(subject): waits for a lock (attempt \(attempt) of \(patience.attempts)); it is held by \(names)")
        try await Task.sleep(for: wait)
        attempt += 1
      }
    }
  }

  /// The result of `body`, and those who last blocked the worker in it.
  private func watched<Value: Sendable>(
    _ body: @Sendable () async throws -> Value
  ) async -> (Result<Value, any Error>, [PostgresSession]) {
    await withTaskGroup(of: [PostgresSession].self) { group in
      group.addTask { await lastBlockers() }
      let result: Result<Value, any Error>
      do {
        result = .success(try await body())
      } catch {
        result = .failure(error)
      }
      group.cancelAll()
      return (result, await group.next() ?? [])
    }
  }

  /// Those who block the worker, as last seen when the task is cancelled.
  private func lastBlockers() async -> [PostgresSession] {
    var last: [PostgresSession] = []
    // What it can't find out is only a name in a message.
    while (try? await Task.sleep(for: .milliseconds(100))) != nil,
      let blockers = try? await watcher.run({ try PostgresSession.blocking(workerPID, on: $0) })
    {
      if !blockers.isEmpty { last = blockers }
    }
    return last
  }
}

extension PostgresConnection {
  fileprivate func setPath(_ path: String) throws {
    try query("SELECT set_config('search_path', $1, false)", [.text(path)])
  }
}
