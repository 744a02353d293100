/// The index by which a source's rows without a vector are found, in the key's order: which of them it holds.
package enum MissingRowsIndex: String, Equatable, Sendable {
  /// All of them. Blank rows, which never get a vector, are in it for ever and are looked at by each run.
  case all
  /// Those whose text isn't blank, as far as `isText` tells.
  case texts

  /// The types, without a schema, whose text can be asked for in an index: their casts to text depend on nothing else.
  private static let types = ["text", "varchar", "bpchar", "citext"]

  /// The form to make on a text column of `type`, a type's name without its schema; a domain's is that of its base.
  package init(for type: String) {
    self = Self.types.contains(type) ? .texts : .all
  }

  /// The condition that the text of `expression`, SQL of type text, isn't blank; not true where it is NULL.
  ///
  /// Only spaces, tabs and line ends are known here: a text of other white space counts as one that isn't blank, and so
  /// does a long one, unread. The result depends on neither a collation nor a setting. Bytes that are no text in the
  /// database's encoding are no error, as they would be to btrim: they must not keep the index from being built.
  package static func isText(_ expression: String) -> String {
    let rest = whiteSpace.reduce("\(expression) COLLATE pg_catalog.\"C\"") { "pg_catalog.replace(\($0), \($1), '')" }
    return "(pg_catalog.octet_length(\(expression)) > 1000 OR pg_catalog.octet_length(\(rest)) > 0)"
  }

  private static let whiteSpace = ["' '", #"E'\t'"#, #"E'\n'"#, #"E'\r'"#]

  /// The index's condition, for columns that are quoted.
  package func predicate(vector: String, text: String) -> String {
    switch self {
    case .all: "\(vector) IS NULL"
    case .texts: "\(vector) IS NULL AND \(Self.isText("\(text)::pg_catalog.text"))"
    }
  }

  /// SQL that tells a `MissingRowsIndex` of the row `i` of pg_index by its condition, NULL for any other.
  ///
  /// - Parameters:
  ///   - vector: SQL of the vector column's name, as type text.
  ///   - text: SQL of the text column's name.
  package static func found(vector: String, text: String) -> String {
    // As PostgreSQL shows the condition, but for a cast to text where the column is of another type.
    let rest = whiteSpace.indices.reduce(#"(%2$I COLLATE "C")"#) { "replace(\($0), %\($1 + 3)$s::text, ''''::text)" }
    let shown = "((%I IS NULL) AND ((octet_length(%2$I) > 1000) OR (octet_length(\(rest)) > 0)))"
    let literals = whiteSpace.map { "quote_literal(\($0))" }.joined(separator: ", ")
    return """
      CASE replace(pg_get_expr(i.indpred, i.indrelid), format('(%I)::text', \(text)), quote_ident(\(text)))
        WHEN format('(%I IS NULL)', \(vector)) THEN '\(all.rawValue)'
        WHEN format('\(shown)', \(vector), \(text), \(literals)) THEN '\(texts.rawValue)'
      END
      """
  }
}
