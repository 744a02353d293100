import Backfill
import Postgres

/// The vector index that vecfill makes where a column has none.
enum VectorIndex {
  /// An HNSW index for cosine distance (m 16, ef_construction 64), above 2,000 dimensions over a halfvec cast; nil above
  /// 4,000, which no HNSW index holds.
  static func definition(
    for source: Source, dimensions: Int, isHalf: Bool
  ) -> SchemaChange.IndexDefinition? {
    guard dimensions <= 4_000 else { return nil }
    let vector = source.vector.quotedIdentifier
    let key =
      isHalf
      ? "\(vector) halfvec_cosine_ops"
      : dimensions > 2_000 ? "(\(vector)::halfvec(\(dimensions))) halfvec_cosine_ops" : "\(vector) vector_cosine_ops"
    let stem = MigrationDraft.fileName("\(source.table) \(source.vector)")
    return SchemaChange.IndexDefinition(
      name: SQLName("idx_\(String(stem.prefix(50)))_hnsw"), table: SQLName(schema: source.schema, source.table),
      isUnique: false, isConcurrent: true, body: "USING hnsw (\(key)) WITH (m = 16, ef_construction = 64)")
  }
}
