import Postgres

extension IndexIntents {
  static let definition = OwnTable.Definition(
    name: "vecfill_index",
    body: """
      table_name text NOT NULL, vector_column text NOT NULL, index_name text NOT NULL, definition text NOT NULL,
      tablespace text NOT NULL, comment text, recorded_at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL DEFAULT current_setting('application_name'),
      PRIMARY KEY (table_name, index_name)
      """,
    columns: [
      ("table_name", .text), ("vector_column", .text), ("index_name", .text), ("definition", .text),
      ("tablespace", .text), ("comment", .text), ("recorded_at", .timestamptz), ("by", .text),
    ])
}

extension OwnTable {
  /// The intents for `table`, or for all tables, that are to be trusted: their place belongs to somebody who could make
  /// the index himself, or to the role that reads them.
  func intents(_ table: String?, on connection: isolated PostgresConnection) throws -> IndexIntents.Reading {
    var reading = IndexIntents.Reading()
    guard isOwn else {
      reading.warnings = ["\(name) is not a table that vecfill made: what it says of indexes is ignored"]
      return reading
    }
    guard isReadable else {
      reading.warnings = [
        "this role can't read \(name), so it is not known whether an index was dropped for a load and must be built again: "
          + "GRANT SELECT ON \(name) to it"
      ]
      reading.isUnreadable = true
      return reading
    }
    let rows = try connection.query(
      """
      SELECT r.*, t.id IS NULL AS gone, pg_get_userbyid(p.relowner) AS owner,
        \(Self.trust("p.relowner", for: "t.owner")) AS trusted
      FROM ONLY \(name) r CROSS JOIN pg_class p
      LEFT JOIN (
        SELECT c.oid AS id, c.relowner AS owner, c.relnamespace AS schema, format('%I.%I', n.nspname, c.relname) AS name
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')
      ) t ON t.name = r.table_name AND t.schema = p.relnamespace
      WHERE p.oid = $1::oid AND ($2::text IS NULL OR r.table_name = $2 OR t.id IS NULL)
      ORDER BY r.table_name, r.index_name
      """, [.text(id), table.map(PostgresValue.text) ?? .null])
    for row in rows {
      let intent = IndexIntent(
        place: name, table: row["table_name"] ?? "", name: row["index_name"] ?? "",
        definition: row["definition"] ?? "", tablespace: row["tablespace"] ?? "", comment: row["comment"],
        author: row["by"] ?? "")
      if row.isTrue("gone") {
        reading.warnings.append(
          "\(name) has index \(intent.name) of \(intent.table) to put back, and there is no such table; if it was "
            + "renamed, put its new name into the row's table_name and definition, then run `vecfill migrate restore`; if it is gone, delete the row"
        )
      } else if !row.isTrue("trusted") {
        let warning =
          "\(name) belongs to \(row["owner"] ?? ""), who doesn't own \(intent.table): what it says of its indexes is ignored"
        if !reading.warnings.contains(warning) { reading.warnings.append(warning) }
      } else {
        reading.intents.append(intent)
      }
    }
    return reading
  }
}
