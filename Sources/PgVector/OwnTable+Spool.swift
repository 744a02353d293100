extension OwnTable.Definition {
  /// The replies that wait to be written into their rows: see `PostgresSpool`.
  package static let spool = OwnTable.Definition(
    name: "vecfill_spool",
    body: """
      database text NOT NULL, table_id oid NOT NULL, column_number smallint NOT NULL, run uuid NOT NULL,
      number bigint NOT NULL, shard integer, format smallint NOT NULL, rows integer NOT NULL, fingerprint text NOT NULL,
      key_columns text NOT NULL, receipt text NOT NULL, contents bytea NOT NULL, dimensions integer NOT NULL,
      vectors bytea NOT NULL, checksum bytea NOT NULL, received_at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL DEFAULT current_setting('application_name'),
      PRIMARY KEY (database, table_id, column_number, run, number)
      """,
    columns: [
      ("database", .text), ("table_id", .oid), ("column_number", .smallint), ("run", .uuid), ("number", .bigint),
      ("shard", .integer), ("format", .smallint), ("rows", .integer), ("fingerprint", .text), ("key_columns", .text),
      ("receipt", .text), ("contents", .bytea), ("dimensions", .integer), ("vectors", .bytea), ("checksum", .bytea),
      ("received_at", .timestamptz), ("by", .text),
    ])
}
