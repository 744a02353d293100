import Backfill
import MessageStores

/// The indexes that have to be there again, in the database itself, so that any machine can put them back.
enum IndexIntents {
  static let schema = """
    CREATE TABLE IF NOT EXISTS vecfill_index (
      table_name text NOT NULL, vector_column text NOT NULL, index_name text NOT NULL, definition text NOT NULL,
      tablespace text NOT NULL, comment text, recorded_at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL DEFAULT current_setting('application_name'),
      PRIMARY KEY (table_name, index_name))
    """

  struct Intent: Sendable {
    /// The table with its schema, quoted.
    let table: String
    let name: String
    let definition: String
    let tablespace: String
    let comment: String?
  }

  /// Records every vector index on the column as it is, by a definition that any search path understands.
  ///
  /// An invalid one is what a build that died left: what was recorded of it before stands.
  static func record(_ column: IndexedColumn, on connection: isolated PostgresConnection) throws {
    let ids = PostgresValue.text("{\(column.indexes.map { $0.id }.joined(separator: ","))}")
    let definitions = try connection.transaction { connection in
      try connection.execute("SET LOCAL search_path = ''")
      return try connection.query("SELECT id, pg_get_indexdef(id) FROM unnest($1::oid[]) id", [ids]).map {
        ($0[0], $0[1])
      }
    }
    for (id, definition) in definitions {
      try connection.query(
        """
        INSERT INTO vecfill_index AS known (table_name, vector_column, index_name, definition, tablespace, comment)
        SELECT $2, $3, c.relname, $4, coalesce((SELECT spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace), ''),
          obj_description(c.oid, 'pg_class')
        FROM pg_class c WHERE c.oid = $1::oid
        ON CONFLICT (table_name, index_name) DO UPDATE SET definition = excluded.definition,
          tablespace = excluded.tablespace, comment = excluded.comment
        WHERE (SELECT indisvalid FROM pg_index WHERE indexrelid = $1::oid)
        """,
        [
          .text(id ?? ""), .text(column.table), .text(column.source.vector), .text(definition ?? ""),
        ])
    }
  }

  /// Records an index that isn't there yet.
  static func record(
    _ index: SchemaChange.IndexDefinition, of column: IndexedColumn, on connection: isolated PostgresConnection
  ) throws {
    let definition = "CREATE INDEX \(index.name.quoted) ON \(column.table) \(index.body)"
    try connection.query(
      """
      INSERT INTO vecfill_index (table_name, vector_column, index_name, definition, tablespace)
      VALUES ($1, $2, $3, $4, '') ON CONFLICT DO NOTHING
      """, [.text(column.table), .text(column.source.vector), .text(index.name.name), .text(definition)])
  }

  static func all(on connection: isolated PostgresConnection) throws -> [Intent] {
    try read("", [], on: connection)
  }

  static func of(_ column: IndexedColumn, on connection: isolated PostgresConnection) throws -> [Intent] {
    try read(
      "WHERE table_name = $1 AND vector_column = $2", [.text(column.table), .text(column.source.vector)], on: connection
    )
  }

  private static func read(
    _ condition: String, _ parameters: [PostgresValue], on connection: isolated PostgresConnection
  ) throws -> [Intent] {
    guard try PostgresCatalog.exists(SQLName("vecfill_index"), on: connection) else { return [] }
    return try connection.query(
      """
      SELECT table_name, index_name, definition, tablespace, comment FROM vecfill_index \(condition)
      ORDER BY table_name, index_name
      """, parameters
    ).map { row in
      Intent(
        table: row["table_name"] ?? "", name: row["index_name"] ?? "", definition: row["definition"] ?? "",
        tablespace: row["tablespace"] ?? "", comment: row["comment"])
    }
  }

  /// What waits to be put back, a sentence each.
  static func sentences(on connection: isolated PostgresConnection) throws -> [String] {
    guard try PostgresCatalog.exists(SQLName("vecfill_index"), on: connection) else { return [] }
    return try connection.query("SELECT table_name, index_name, by FROM vecfill_index ORDER BY 1, 2").map { row in
      "index \(row["index_name"] ?? "") of \(row["table_name"] ?? "") is not back since \(row["by"] ?? "") loaded: "
        + "run the job to its end, or `vecfill migrate restore`"
    }
  }

  static func forget(_ intent: Intent, on connection: isolated PostgresConnection) throws {
    try connection.query(
      "DELETE FROM vecfill_index WHERE table_name = $1 AND index_name = $2", [.text(intent.table), .text(intent.name)])
  }
}

extension Source {
  var tableName: SQLName { SQLName(schema: schema, table) }
}
