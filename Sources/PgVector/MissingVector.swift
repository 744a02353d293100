/// What a column of SQLite's holds where a row lacks a vector: NULL, or what else stands for none, as an application's JSON
/// type stores it or as a NOT NULL column needs it.
package enum MissingVector {
  /// What such an index's name ends with.
  package static let suffix = "lacking"

  private static let texts = "'', 'null', '[]'"

  /// The condition of an index that holds the rows without a vector; `vector` is the column, quoted.
  package static func predicate(_ vector: String) -> String {
    "\(vector) IS NULL OR \(vector) IN (\(texts), x'')"
  }

  /// The same for a statement that has no such index: a blob's bytes aren't read for it.
  package static func condition(_ vector: String) -> String {
    "(\(vector) IS NULL OR CASE typeof(\(vector)) WHEN 'blob' THEN length(\(vector)) = 0 ELSE \(vector) IN (\(texts)) END)"
  }
}
