import Backfill
import Postgres

/// The indexes that have to be there again, in the database itself, so that any machine can put them back.
///
/// They are in a table `vecfill_index` in the schema of the table that they are of, where every search path finds them.
enum IndexIntents {
  static func create(for column: IndexedColumn, on connection: isolated PostgresConnection) throws {
    try connection.execute(
      """
      CREATE TABLE IF NOT EXISTS \(column.intents) (
        table_name text NOT NULL, vector_column text NOT NULL, index_name text NOT NULL, definition text NOT NULL,
        tablespace text NOT NULL, comment text, recorded_at timestamptz NOT NULL DEFAULT now(),
        by text NOT NULL DEFAULT current_setting('application_name'),
        PRIMARY KEY (table_name, index_name))
      """)
  }

  struct Intent: Sendable {
    /// The table of intents that it is in, quoted.
    let place: String
    /// The table with its schema, quoted.
    let table: String
    let name: String
    let definition: String
    let tablespace: String
    let comment: String?
    /// The process that recorded it.
    let author: String
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
        INSERT INTO \(column.intents) (table_name, vector_column, index_name, definition, tablespace, comment)
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
      INSERT INTO \(column.intents) (table_name, vector_column, index_name, definition, tablespace)
      VALUES ($1, $2, $3, $4, '') ON CONFLICT DO NOTHING
      """, [.text(column.table), .text(column.source.vector), .text(index.name.name), .text(definition)])
  }

  static func all(on connection: isolated PostgresConnection) throws -> [Intent] {
    let places = try connection.query(
      """
      SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relname = 'vecfill_index' AND c.relkind = 'r' ORDER BY 1
      """)
    return try places.flatMap { row in try read(row[0] ?? "", "", [], on: connection) }
  }

  static func of(_ column: IndexedColumn, on connection: isolated PostgresConnection) throws -> [Intent] {
    guard try connection.query("SELECT to_regclass($1)", [.text(column.intents)])[0][0] != nil else { return [] }
    return try read(
      column.intents, "WHERE table_name = $1 AND vector_column = $2",
      [.text(column.table), .text(column.source.vector)], on: connection)
  }

  private static func read(
    _ place: String, _ condition: String, _ parameters: [PostgresValue], on connection: isolated PostgresConnection
  ) throws -> [Intent] {
    try connection.query(
      """
      SELECT table_name, index_name, definition, tablespace, comment, by FROM \(place) \(condition)
      ORDER BY table_name, index_name
      """, parameters
    ).map { row in
      Intent(
        place: place, table: row["table_name"] ?? "", name: row["index_name"] ?? "",
        definition: row["definition"] ?? "", tablespace: row["tablespace"] ?? "", comment: row["comment"],
        author: row["by"] ?? "")
    }
  }

  static func forget(_ intent: Intent, on connection: isolated PostgresConnection) throws {
    try connection.query(
      "DELETE FROM \(intent.place) WHERE table_name = $1 AND index_name = $2",
      [.text(intent.table), .text(intent.name)])
  }
}

extension IndexIntents.Intent: CustomStringConvertible {
  var description: String {
    "index \(name) of \(table) is not back since \(author) loaded: run the job to its end, or `vecfill migrate restore`"
  }
}

extension Source {
  var tableName: SQLName { SQLName(schema: schema, table) }
}
