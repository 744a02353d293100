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
    let name: String
    let definition: String
    let tablespace: String
    let comment: String?
  }

  /// Records every vector index on the column as it is; returns the names.
  static func record(
    _ source: Source, on connection: isolated PostgresConnection
  ) throws -> [SQLName] {
    let found = try connection.query(
      """
      INSERT INTO vecfill_index (table_name, vector_column, index_name, definition, tablespace, comment)
      SELECT i.indrelid::regclass::text, $2, c.relname, pg_get_indexdef(i.indexrelid),
        coalesce((SELECT spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace), ''),
        obj_description(i.indexrelid, 'pg_class')
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = $2
      WHERE i.indrelid = to_regclass($1) AND m.amname IN ('hnsw', 'ivfflat') AND c.relkind = 'i' AND NOT c.relispartition
        AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
          AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)
      ON CONFLICT (table_name, index_name) DO UPDATE SET definition = excluded.definition,
        tablespace = excluded.tablespace, comment = excluded.comment
      RETURNING index_name, (SELECT nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE pg_class.oid = to_regclass($1)) AS schema
      """, [.text(source.tableName.quoted), .text(source.vector)])
    return found.compactMap { row in row["index_name"].map { SQLName(schema: row["schema"], $0) } }
  }

  /// Records an index that isn't there yet.
  static func record(
    _ index: SchemaChange.IndexDefinition, of source: Source, on connection: isolated PostgresConnection
  ) throws {
    let definition = "CREATE INDEX \(index.name.quoted) ON \(index.table.quoted) \(index.body)"
    try connection.query(
      """
      INSERT INTO vecfill_index (table_name, vector_column, index_name, definition, tablespace)
      SELECT to_regclass($1)::text, $2, $3, $4, '' ON CONFLICT DO NOTHING
      """, [.text(source.tableName.quoted), .text(source.vector), .text(index.name.name), .text(definition)])
  }

  static func of(_ source: Source, on connection: isolated PostgresConnection) throws -> [Intent] {
    guard try PostgresCatalog.exists(SQLName("vecfill_index"), on: connection) else { return [] }
    return try connection.query(
      """
      SELECT index_name, definition, tablespace, comment FROM vecfill_index
      WHERE table_name = to_regclass($1)::text AND vector_column = $2 ORDER BY index_name
      """, [.text(source.tableName.quoted), .text(source.vector)]
    ).map { row in
      Intent(
        name: row["index_name"] ?? "", definition: row["definition"] ?? "", tablespace: row["tablespace"] ?? "",
        comment: row["comment"])
    }
  }

  /// What waits to be put back, a sentence each.
  static func sentences(on connection: isolated PostgresConnection) throws -> [String] {
    guard try PostgresCatalog.exists(SQLName("vecfill_index"), on: connection) else { return [] }
    return try connection.query("SELECT table_name, index_name, by FROM vecfill_index ORDER BY 1, 2").map { row in
      "index \(row["index_name"] ?? "") of \(row["table_name"] ?? "") is not back since \(row["by"] ?? "") loaded: "
        + "run the job to its end"
    }
  }

  static func forget(_ intent: Intent, of source: Source, on connection: isolated PostgresConnection) throws {
    try connection.query(
      "DELETE FROM vecfill_index WHERE table_name = to_regclass($1)::text AND index_name = $2",
      [.text(source.tableName.quoted), .text(intent.name)])
  }
}

extension Source {
  var tableName: SQLName { SQLName(schema: schema, table) }
}
