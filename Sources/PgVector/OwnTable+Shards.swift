extension OwnTable.Definition {
  /// The shards that a job's tables are cut into: see `PostgresShardTable`.
  package static let shards = OwnTable.Definition(
    name: "vecfill_shard",
    body: """
      database text NOT NULL, table_id oid NOT NULL, column_number smallint NOT NULL, shard smallint NOT NULL,
      shards smallint NOT NULL, key_range text NOT NULL, missing_rows bigint NOT NULL, work text NOT NULL,
      planned_at timestamptz NOT NULL, begun_at timestamptz, done_at timestamptz, by text,
      PRIMARY KEY (database, table_id, column_number, shard)
      """,
    columns: [
      ("database", .text), ("table_id", .oid), ("column_number", .smallint), ("shard", .smallint),
      ("shards", .smallint),
      ("key_range", .text), ("missing_rows", .bigint), ("work", .text), ("planned_at", .timestamptz),
      ("begun_at", .timestamptz), ("done_at", .timestamptz), ("by", .text),
    ])
}
