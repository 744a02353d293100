import Postgres

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
    let rest = whiteSpace.reduce("\(expression) COLLATE pg_catalog.\"C\"") {
      "pg_catalog.replace(\($0), \($1.sql), '')"
    }
    return "(pg_catalog.octet_length(\(expression)) > 1000 OR pg_catalog.octet_length(\(rest)) > 0)"
  }

  private static let whiteSpace: [(sql: String, character: String)] = [
    ("' '", " "), (#"E'\t'"#, "\t"), (#"E'\n'"#, "\n"), (#"E'\r'"#, "\r"),
  ]

  /// The index's condition, for columns that are quoted.
  package func predicate(vector: String, text: String) -> String {
    switch self {
    case .all: "\(vector) IS NULL"
    case .texts: "\(vector) IS NULL AND \(Self.isText("\(text)::pg_catalog.text"))"
    }
  }

  /// The index whose condition PostgreSQL shows as `condition`; nil for any other.
  ///
  /// - Parameters:
  ///   - vector: the vector column's name.
  ///   - text: the text column's name.
  package init?(condition: String, vector: String, text: String) {
    for vector in Self.shown(vector) {
      if condition == "(\(vector) IS NULL)" {
        self = .all
        return
      }
      for text in Self.shown(text) {
        // Where the column is of another type, its cast is shown.
        guard condition.replacing("(\(text))::text", with: text) == Self.shown(vector: vector, text: text) else {
          continue
        }
        self = .texts
        return
      }
    }
    return nil
  }

  /// `predicate` of `texts` as PostgreSQL shows it.
  private static func shown(vector: String, text: String) -> String {
    let rest = whiteSpace.reduce("(\(text) COLLATE \"C\")") { "replace(\($0), '\($1.character)'::text, ''::text)" }
    return "((\(vector) IS NULL) AND ((octet_length(\(text)) > 1000) OR (octet_length(\(rest)) > 0)))"
  }

  /// The forms in which PostgreSQL may show a name: which one, a list of its keywords decides.
  private static func shown(_ name: String) -> [String] {
    let isPlain = name.wholeMatch(of: #/[a-z_][a-z0-9_$]*/#) != nil
    return [name.quotedIdentifier] + (isPlain ? [name] : [])
  }
}
