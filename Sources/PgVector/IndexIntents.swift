import Backfill
import Postgres

/// The vector indexes of a table that have to be restored, in the database itself, so that any machine can put them
/// back.
///
/// They are in a table `vecfill_index` in the schema of the table that they are of, where every search path finds them.
/// One that vecfill can't have made, or that belongs to nobody who could make an index of the table, is not trusted.
package struct IndexIntents: Sendable {
  /// The table that the indexes are of with its schema, quoted.
  package let table: String
  /// Their schema, quoted.
  private let schema: String
  /// The table of intents, quoted.
  package var place: String { "\(schema).\(Self.definition.name)" }

  /// Those of `table`, both it and its schema quoted.
  package init(of table: String, in schema: String) {
    self.table = table
    self.schema = schema
  }

  /// What was read of a table of intents.
  package struct Reading: Equatable, Sendable {
    package var intents: [IndexIntent] = []
    /// What was not trusted or not understood, a sentence each.
    package var warnings: [String] = []
    /// Whether a right to read it is missing, so that nothing is known.
    package var isUnreadable = false
  }

  package func read(on connection: isolated PostgresConnection) throws -> Reading {
    guard let found = try OwnTable.all(Self.definition, in: schema, on: connection).first else { return Reading() }
    return try found.intents(table, on: connection)
  }

  /// Those of all tables of the database.
  package static func everywhere(on connection: isolated PostgresConnection) throws -> Reading {
    var all = Reading()
    for place in try OwnTable.all(definition, in: nil, on: connection) {
      let reading = try place.intents(nil, on: connection)
      all.intents += reading.intents
      all.warnings += reading.warnings
    }
    return all
  }

  /// Makes the table of intents where there is none; throws a `Failure` where one is there that isn't to be trusted.
  package func create(on connection: isolated PostgresConnection) throws {
    var found = try OwnTable.all(Self.definition, in: schema, on: connection)
    if found.isEmpty {
      try connection.execute("CREATE TABLE IF NOT EXISTS \(place) (\(Self.definition.body))")
      found = try OwnTable.all(Self.definition, in: schema, on: connection)
    }
    let id = try connection.query("SELECT to_regclass($1)::oid", [.text(table)])[0][0] ?? ""
    guard let found = found.first, try !found.isTrusted(forTable: id, on: connection) else { return }
    throw Failure(
      .configuration, place, "it is there and is not vecfill's own, or not its table's owner's",
      remedy: "rename or drop it: vecfill records there which indexes it drops")
  }

  /// Records the indexes with the object ids `ids` as they are, by definitions that any search path understands; that of
  /// a partition's part of an index with the statement that makes it one.
  ///
  /// An invalid one is what a build that died left: what was recorded of it before stands.
  package func record(ids: [String], column: String, on connection: isolated PostgresConnection) throws {
    let parameter = PostgresValue.text("{\(ids.joined(separator: ","))}")
    let definitions = try connection.transaction { connection in
      try connection.execute("SET LOCAL search_path = ''")
      return try connection.query(
        """
        SELECT id, pg_get_indexdef(id) || coalesce((
          SELECT format('; ALTER INDEX %s ATTACH PARTITION %s', i.inhparent::regclass, i.inhrelid::regclass)
          FROM pg_inherits i WHERE i.inhrelid = id), '')
        FROM unnest($1::oid[]) id
        """, [parameter]
      ).map {
        ($0[0], $0[1])
      }
    }
    for (id, definition) in definitions {
      try connection.query(
        """
        INSERT INTO \(place) (table_name, vector_column, index_name, definition, tablespace, comment, recorded_at, by)
        SELECT $2, $3, c.relname, $4, coalesce((SELECT spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace), ''),
          obj_description(c.oid, 'pg_class'), now(), current_setting('application_name')
        FROM pg_class c WHERE c.oid = $1::oid
        ON CONFLICT (table_name, index_name) DO UPDATE
          -- A part that a load didn't come to attach is one all the same.
          SET definition = CASE WHEN \(Self.definition.name).definition LIKE '% ATTACH PARTITION %'
            THEN \(Self.definition.name).definition ELSE excluded.definition END,
          tablespace = excluded.tablespace,
          -- Who built it anew may have died before the comment.
          comment = coalesce(excluded.comment, \(Self.definition.name).comment)
        WHERE (SELECT indisvalid FROM pg_index WHERE indexrelid = $1::oid)
        """, [.text(id ?? ""), .text(table), .text(column), .text(definition ?? "")])
    }
  }

  /// Records an index that isn't there yet; `body` is everything behind the table's name.
  package func record(
    _ name: String, body: String, column: String, on connection: isolated PostgresConnection
  ) throws {
    try connection.query(
      """
      INSERT INTO \(place) (table_name, vector_column, index_name, definition, tablespace, recorded_at, by)
      VALUES ($1, $2, $3, $4, '', now(), current_setting('application_name')) ON CONFLICT DO NOTHING
      """,
      [
        .text(table), .text(column), .text(name),
        .text("CREATE INDEX \(name.quotedIdentifier) ON \(table) \(body)"),
      ])
  }

  package static func forget(_ intent: IndexIntent, on connection: isolated PostgresConnection) throws {
    try connection.query(
      "DELETE FROM ONLY \(intent.place) WHERE table_name = $1 AND index_name = $2",
      [.text(intent.table), .text(intent.name)])
  }
}
