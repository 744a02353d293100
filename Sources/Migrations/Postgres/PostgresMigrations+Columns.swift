import Backfill
import PgVector
import Postgres

/// What is in the columns that are made and dropped, and who fills them.
extension PostgresMigrations {
  package func load(of column: MigrationScript.LoadedColumn) async throws -> Load? {
    try await reading { connection in
      let read = column.reading
      guard try Self.exists(column.column, of: read, on: connection) else { return nil }
      let name = column.column.quotedIdentifier
      let counts = try Self.count(
        "count(*), count(*) - count(\(name))", "\(read) WHERE \(Self.condition(of: column, on: connection))",
        on: connection)
      return Load(rows: counts[0].flatMap(Int.init) ?? 0, missing: counts[1].flatMap(Int.init) ?? 0)
    }
  }

  package func hasRows(toFill column: MigrationScript.LoadedColumn) async throws -> Bool {
    try await reading { connection in
      let read = column.reading
      let isThere = try connection.query("SELECT to_regclass($1) IS NOT NULL", [.text(read)])[0][0] == "t"
      guard isThere else { return false }
      do {
        return try Self.hasRows(column, in: read, on: connection)
      } catch let error as PostgresError where error.sqlState == "42703" {
        // The condition speaks of a column that is yet to be made, too.
        return try Self.hasRows(column.ofAllRows, in: read, on: connection)
      }
    }
  }

  private static func hasRows(
    _ column: MigrationScript.LoadedColumn, in read: String, on connection: isolated PostgresConnection
  ) throws -> Bool {
    let condition = try condition(of: column, on: connection)
    return try count("count(*)", "(SELECT FROM \(read) WHERE \(condition) LIMIT 1) r", on: connection)[0] == "1"
  }

  package func vectorColumns(of table: SQLName) async throws -> [String] {
    try await reading { connection in
      try connection.query(
        """
        SELECT a.attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND b.typname = ANY ($2::text[])
        ORDER BY a.attnum
        """, [.text(table.quoted), .array(VectorType.allCases.map(\.rawValue))]
      ).compactMap { $0[0] }
    }
  }

  /// The locks are the watching connection's.
  package func claim(_ columns: [DroppedColumn]) async throws {
    // The server has the lock of a run that was killed until it notices that.
    let deadline = ContinuousClock.now + .seconds(2)
    while true {
      do {
        return try await reading { connection in
          for column in columns { try Self.claim(column, on: connection) }
        }
      } catch let failure as Failure where failure.exitCode == .locked && ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  private static func claim(_ column: DroppedColumn, on connection: isolated PostgresConnection) throws {
    let found = try connection.query(
      """
      SELECT attrelid AS table, attnum AS number FROM pg_attribute
      WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped
      """, [.text(column.table.quoted), .text(column.column)])
    guard let row = found.first, let table = row["table"], let number = row["number"].flatMap(Int.init) else { return }
    try ColumnLock.take(table: table, number: number, of: "\(column.table).\(column.column)", on: connection)
  }

  private static func exists(
    _ name: String, of table: String, on connection: isolated PostgresConnection
  ) throws -> Bool {
    try !connection.query(
      """
      SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped
      """, [.text(table), .text(name)]
    ).isEmpty
  }

  /// What a row meets that is to be filled.
  private static func condition(
    of column: MigrationScript.LoadedColumn, on connection: isolated PostgresConnection
  ) throws -> String {
    var conditions = ["true"]
    // An SQL expression may fail for a row.
    if let text = column.text, let names = text.columns,
      try names.allSatisfy({ try exists($0, of: column.reading, on: connection) })
    {
      conditions.append("\(text.postgres()) ~ '\\S'")
    }
    // The line breaks keep a comment in the condition from swallowing what follows.
    if let condition = column.condition { conditions.append("(\n\(condition)\n)") }
    return conditions.joined(separator: " AND ")
  }

  private static func count(
    _ counts: String, _ rows: String, on connection: isolated PostgresConnection
  ) throws -> PostgresRow {
    try connection.transaction { connection in
      // A limit of the role's is for the application's statements.
      try connection.execute("SET LOCAL statement_timeout = '10min'")
      return try connection.query("SELECT \(counts) FROM \(rows)")[0]
    }
  }
}

extension MigrationScript.LoadedColumn {
  /// What its rows are read from.
  fileprivate var reading: String { (view ?? table).quoted }
}
