import Postgres

/// The extension pgvector as a database has it. Its schema need not be on the search path.
package struct PgVector: Hashable, Sendable {
  package let schema: String
  /// As the database reports it, e.g. "0.8.1".
  package let version: String

  package init(schema: String, version: String) {
    self.schema = schema
    self.version = version
  }

  /// The extension's name for PostgreSQL.
  package static let name = "vector"

  /// The lowest version without a warning: 0.8.2 mends a parallel HNSW build, 0.8.3 the vacuum of an HNSW index.
  private static let safeVersion = [0, 8, 3]

  /// What is installed in the connection's database; nil where it isn't. Throws a `PostgresError`.
  package static func installed(on connection: isolated PostgresConnection) throws -> PgVector? {
    let found = try connection.query(
      """
      SELECT (pg_catalog.parse_ident(extnamespace::pg_catalog.regnamespace::pg_catalog.text))[1] AS schema,
        extversion AS version
      FROM pg_catalog.pg_extension WHERE extname = '\(name)'
      """
    ).first
    return found.map { PgVector(schema: $0["schema"] ?? "", version: $0["version"] ?? "") }
  }

  /// A type, a function or an operator class of the extension with its schema, so that no search path is needed.
  package func qualified(_ name: String) -> String { "\(schema.quotedIdentifier).\(name)" }

  /// What a person should know of this version; nil where there is nothing.
  package var warning: String? { Self.warning(ofVersion: version) }

  package static func warning(ofVersion version: String) -> String? {
    let parts = version.split(separator: ".").map { Int($0) ?? 0 }
    guard parts.lexicographicallyPrecedes(safeVersion) else { return nil }
    return "pgvector \(version) can damage an HNSW index while it is built or vacuumed: upgrade to 0.8.3 or later"
  }
}

extension PostgresConnection {
  /// Adds pgvector's schema to the end of the search path, so that statements that name its types without a schema find
  /// them wherever the extension is. Names that were found before are found as before.
  ///
  /// With `isLocal` it ends with the transaction; else `RESET search_path` ends it.
  package func addPgVectorToPath(isLocal: Bool) throws {
    // An empty path stays one: objects without a schema must not come to lie in pgvector's.
    try query(
      """
      SELECT pg_catalog.set_config('search_path',
        pg_catalog.current_setting('search_path') || ', ' || pg_catalog.quote_ident(n.nspname), $1)
      FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = '\(PgVector.name)' AND n.nspname <> ALL (pg_catalog.current_schemas(true))
        AND pg_catalog.cardinality(pg_catalog.current_schemas(false)) > 0
      """, [.text(isLocal ? "t" : "f")])
  }
}
