import Postgres

/// A transaction or session that stands in the way.
package struct PostgresSession: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  init(_ row: PostgresRow) {
    let name = row["name"].flatMap { $0.isEmpty ? nil : $0 } ?? row["user"] ?? "unknown"
    let query = SQLOutline(of: row["query"] ?? "")
    description =
      "pid \(row["pid"] ?? "?") (\(name), \(row["state"] ?? "unknown"), transaction \(row["age"] ?? "0") s old): \(query)"
  }

  private static let columns = """
    pid, application_name AS name, usename AS user, state, query,
    round(extract(epoch FROM now() - coalesce(xact_start, query_start, backend_start))) AS age
    """

  /// Those that hold or await a lock before the session `pid`.
  static func blocking(_ pid: Int, on connection: isolated PostgresConnection) throws -> [PostgresSession] {
    try connection.query(
      "SELECT \(columns) FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids($1::int)) ORDER BY pid",
      [.text(String(pid))]
    ).map(PostgresSession.init)
  }

  /// Those in this database whose transaction has been open for five seconds, for which a concurrent build waits.
  static func long(but pid: Int, on connection: isolated PostgresConnection) throws -> [PostgresSession] {
    try connection.query(
      """
      SELECT \(columns) FROM pg_stat_activity
      WHERE datname = current_database() AND xact_start < now() - interval '5 s' AND pid NOT IN ($1::int, pg_backend_pid())
        AND backend_type = 'client backend'
      ORDER BY xact_start
      """, [.text(String(pid))]
    ).map(PostgresSession.init)
  }
}
