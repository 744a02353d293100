extension OwnTable.Definition {
  /// What the vectors of a table's columns are made of: see `PostgresColumnRecords`.
  package static let columnRecords = OwnTable.Definition(
    name: "vecfill_column",
    body: """
      database text NOT NULL, table_id oid NOT NULL, column_number smallint NOT NULL, table_name text NOT NULL,
      column_name text NOT NULL, fingerprint text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL DEFAULT current_setting('application_name'),
      PRIMARY KEY (database, table_id, column_number)
      """,
    columns: [
      ("database", .text), ("table_id", .oid), ("column_number", .smallint), ("table_name", .text),
      ("column_name", .text), ("fingerprint", .text), ("recorded_at", .timestamptz), ("by", .text),
    ])
}
