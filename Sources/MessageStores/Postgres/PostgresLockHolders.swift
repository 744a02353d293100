import Backfill
import PgVector
import Postgres

/// Finds out who holds a table or rows of it, as far as the database shows this role.
struct PostgresLockHolders: Sendable {
  let table: PostgresTable

  /// So many rows' holders are looked for.
  private static let rows = 10

  /// The sessions in words, e.g. "pid 4711 (psql at 10.0.0.7), idle in transaction since 2026-11-26 12:01:07+00".
  func describe(_ keys: Set<RowKey>, on connection: isolated PostgresConnection) throws -> String {
    let segments = try connection.segments { pipeline in
      try pipeline.add(PostgresSettings(statementTimeout: .seconds(5)))
      try pipeline.add(tableHolders, [.text(table.oid)])
      for key in keys.prefix(Self.rows) {
        // Each on its own: what holds a row is a transaction's number or that of a group of them, and which one it is
        // can't be told. A number of the other kind is an error or nobody's.
        for statement in [rowHolders, rowHoldersInGroup] {
          try pipeline.sync()
          try pipeline.add(table.settings(.seconds(1), lockTimeout: .milliseconds(50)))
          try pipeline.add(statement, table.key.parameters(key))
        }
      }
    }
    var holders: [String] = []
    for segment in segments {
      switch segment {
      case .success(let results):
        for row in results.last ?? results[0] {
          if let holder = row[0], !holders.contains(holder) { holders.append(holder) }
        }
      case .failure(let error) where error.endsConnection: throw error
      // A role may lack the right to see it; then it isn't told.
      case .failure: continue
      }
    }
    return holders.joined(separator: "; ")
  }

  /// A session in words. Another role's session shows no more than its number.
  private static let words = """
    CASE WHEN l.pid IS NULL THEN coalesce('the prepared transaction ' || p.gid, 'a prepared transaction')
    ELSE 'pid ' || l.pid
      || coalesce(' (' || nullif(pg_catalog.concat_ws(' at ', nullif(a.application_name, ''), a.client_addr), '') || ')',
        '')
      || coalesce(', ' || a.state || coalesce(' since ' || a.state_change::pg_catalog.timestamptz(0), ''), '')
    END
    """

  /// Those who hold a lock on the table that no update stands beside, or wait for one ahead of this session.
  private var tableHolders: String {
    """
    \(TableFamily.clause())
    SELECT DISTINCT \(Self.words) FROM pg_catalog.pg_locks l
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_catalog.pg_prepared_xacts p
      ON l.virtualtransaction = '-1/' || p.transaction
    WHERE l.locktype = 'relation' AND l.relation IN (SELECT oid FROM vecfill_family)
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() ORDER BY 1
    """
  }

  private var row: String { "SELECT xmax AS x FROM \(table.name) WHERE \(table.key.equality { "$\($0 + 1)" })" }

  /// The session whose transaction's number stands in the row's xmax.
  private var rowHolders: String {
    """
    SELECT \(Self.words) FROM (\(row)) AS r
    JOIN pg_catalog.pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = r.x AND l.granted
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = r.x
    """
  }

  /// The sessions of the group of transactions whose number stands in the row's xmax.
  private var rowHoldersInGroup: String {
    """
    SELECT \(Self.words) FROM (\(row)) AS r CROSS JOIN LATERAL pg_catalog.pg_get_multixact_members(r.x) AS m
    JOIN pg_catalog.pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = m.xid AND l.granted
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = m.xid
    """
  }
}
