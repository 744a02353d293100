import Backfill
import CPostgres

/// One connection to PostgreSQL, whose calls run one after another on a thread of its own.
///
/// `query` and its like are synchronous inside the actor: the body given to `transaction` or `run` can't be interleaved
/// with another caller's statements. They throw a `PostgresError`, or a `CancellationError` once the task was cancelled
/// and the statement that ran was ended on the server.
package actor PostgresConnection {
  private let conninfo: String
  private let applicationName: String
  private let executor: DispatchQueueExecutor
  private var handle: PostgresHandle?
  /// Which of its sessions it is in: each `reconnect` begins another, perhaps with another server.
  package private(set) var session = 0

  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// A connection to `url`, which must be PostgreSQL's, under the name `applicationName`; `reconnect` opens it.
  package init(to url: DatabaseURL, applicationName: String) throws {
    guard case .postgres(let conninfo) = url.engine else {
      throw DatabaseURL.refusal("it is not a PostgreSQL URL", "use postgresql://")
    }
    self.conninfo = conninfo
    self.applicationName = applicationName
    executor = DispatchQueueExecutor(label: "vecfill.postgres")
  }

  /// An open connection to `url`, which must be PostgreSQL's, under the name `applicationName`.
  package static func connect(to url: DatabaseURL, applicationName: String) async throws -> PostgresConnection {
    let connection = try PostgresConnection(to: url, applicationName: applicationName)
    try await connection.reconnect()
    return connection
  }

  /// Drops the connection, and with it the session's settings and locks, and makes a new one.
  package func reconnect() throws {
    handle = nil
    session += 1
    handle = try PostgresHandle.connect(to: conninfo, applicationName: applicationName)
  }

  /// Drops the connection; it can be made again by `reconnect`.
  package func close() {
    handle = nil
  }

  /// Whether the connection is open as far as this end was told. It asks the server nothing.
  package var isAlive: Bool { handle?.isAlive ?? false }

  /// Waits for a notification of a channel that the session listens on, at most for `time`; false where none came. All that
  /// have come are taken.
  package func waitForNotification(atMost time: Duration) throws -> Bool {
    try open().waitForNotification(atMost: time)
  }

  /// The notices since the last call, the newest hundred at most.
  package func takeNotices() -> [PostgresError] { handle?.takeNotices() ?? [] }

  /// Whether a pooler stands between, as PgBouncer does: a session's locks and settings can't be relied on then.
  package func isPooled() throws -> Bool {
    let handle = try open()
    let backend = try query("SELECT pg_catalog.pg_backend_pid()")[0][0]
    return backend != String(PQbackendPID(handle.pointer))
  }

  /// The server's version as a number, e.g. 160014 for 16.14.
  package func serverVersion() throws -> Int { Int(PQserverVersion(try open().pointer)) }

  package func isInTransaction() throws -> Bool { PQtransactionStatus(try open().pointer) != PQTRANS_IDLE }

  func open() throws -> PostgresHandle {
    guard let handle else { throw PostgresError(message: "the connection is closed", endsConnection: true) }
    return handle
  }
}

extension PostgresConnection {
  /// The form in which a result's values come.
  package enum Format: Int32, Sendable {
    case text = 0
    case binary = 1
  }

  /// Runs one statement with `parameters` bound to $1, $2 and so on.
  @discardableResult
  package func query(
    _ sql: String, _ parameters: [PostgresValue] = [], format: Format = .text
  ) throws -> PostgresResult {
    let parameters = PostgresParameters(parameters)
    return try open().run { connection in
      parameters.withPointers { count, types, values, lengths, formats in
        PQsendQueryParams(connection, sql, count, types, values, lengths, formats, format.rawValue)
      }
    }
  }

  /// Runs a script of statements without parameters, and returns the last one's result.
  ///
  /// PostgreSQL runs a script of more statements than one in one transaction, unless it holds a BEGIN.
  @discardableResult
  package func execute(_ script: String) throws -> PostgresResult {
    try open().run { PQsendQuery($0, script) }
  }

  /// Runs `body` with no other caller's statement between its own.
  @discardableResult
  package func run<Value: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Value
  ) throws -> Value {
    try body(self)
  }

  /// Runs `body` in a transaction: its return commits, its error rolls back.
  ///
  /// An error of the commit that leaves its outcome open has `mayHaveBeenDone`.
  @discardableResult
  package func transaction<Value: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Value
  ) throws -> Value {
    do {
      try execute("BEGIN")
      let value = try body(self)
      do {
        try execute("COMMIT")
      } catch var error as PostgresError where error.endsConnection {
        error.mayHaveBeenDone = true
        throw error
      }
      return value
    } catch {
      try rollBack()
      throw error
    }
  }

  /// Ends a transaction that is open, also when the task is cancelled; does nothing on a lost connection.
  func rollBack() throws {
    guard let handle, [PQTRANS_INTRANS, PQTRANS_INERROR].contains(PQtransactionStatus(handle.pointer)) else { return }
    _ = try handle.run(heedingCancellation: false) { PQsendQuery($0, "ROLLBACK") }
  }
}
