import Postgres

/// The index by which rows are found whose text was edited since they got their vector, in the key's order: their digest is
/// empty. Few rows are in it at any time.
package enum MarkedRowsIndex {
  /// The index's condition, for a digest column that is quoted.
  package static func predicate(digest: String) -> String { "pg_catalog.octet_length(\(digest)) = 0" }

  /// Whether PostgreSQL shows that condition as `condition`.
  package static func isShown(_ condition: String, digest: String) -> Bool {
    [digest, digest.quotedIdentifier].contains { condition == "(octet_length(\($0)) = 0)" }
  }
}
