import Backfill
import Postgres

/// The index by which a source's rows without a vector are found, in the key's order: which of them it holds.
package enum MissingRowsIndex: String, Equatable, Sendable {
  /// All of them. Blank rows, which never get a vector, are in it for ever and are looked at by each run.
  case all
  /// Those whose text isn't blank, as far as `isText` says.
  case texts

  /// The types, without a schema, whose text can be asked for in an index: their casts to text depend on nothing else.
  private static let types = ["text", "varchar", "bpchar", "citext"]

  /// The form to make for `text`; `types` are those of its columns without their schemas, a domain's that of its base.
  package init(for text: SourceText, types: [String: String]) {
    let isAskable = text.columns?.allSatisfy { types[$0].map(Self.types.contains) ?? false } ?? false
    self = isAskable ? .texts : .all
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

  /// The condition that `text` isn't blank, as the index has it; nil where none can be asked for in an index.
  ///
  /// A text of several columns counts as one that isn't blank where one of them isn't empty.
  package static func isText(_ text: SourceText) -> String? {
    switch text {
    case .column: isText(text.postgres())
    case .template(let template):
      "(\(template.columns.map { "pg_catalog.octet_length(\($0.quotedIdentifier)::pg_catalog.text) > 0" }.joined(separator: " OR ")))"
    case .sql: nil
    }
  }

  /// The index's condition; `vector` is the column's name.
  package func predicate(vector: String, text: SourceText) -> String {
    let isMissing = "\(vector.quotedIdentifier) IS NULL"
    guard self == .texts, let isText = Self.isText(text) else { return isMissing }
    return "\(isMissing) AND \(isText)"
  }

  /// The index whose condition PostgreSQL shows as `condition`; nil for any other.
  ///
  /// - Parameter vector: the vector column's name.
  package init?(condition: String, vector: String, text: SourceText) {
    for vector in Self.shown(vector) {
      if condition == "(\(vector) IS NULL)" {
        self = .all
        return
      }
      guard let shown = condition.wholeMatch(of: #/\(\((.*) IS NULL\) AND \((.*)\)\)/#.dotMatchesNewlines()),
        shown.1 == vector, Self.isShown(String(shown.2), as: text)
      else { continue }
      self = .texts
      return
    }
    return nil
  }

  /// Whether `shown` is how PostgreSQL shows `isText(text)`.
  private static func isShown(_ shown: String, as text: SourceText) -> Bool {
    switch text {
    case .column(let name):
      Self.shown(name).contains { shown.replacing("(\($0))::text", with: $0) == isShownText($0) }
    case .template(let template):
      // One column's condition is no list.
      template.columns.count == 1
        ? isShown([shown[...]], as: template.columns)
        : isShown(shown.dropFirst().dropLast().split(separator: ") OR ("), as: template.columns)
          && shown.hasPrefix("(") && shown.hasSuffix(")")
    case .sql: false
    }
  }

  private static func isShown(_ terms: [Substring], as columns: [String]) -> Bool {
    terms.count == columns.count
      && zip(terms, columns).allSatisfy { term, column in
        Self.shown(column).contains { term == "octet_length(\($0)) > 0" || term == "octet_length((\($0))::text) > 0" }
      }
  }

  /// `isText` of a column as PostgreSQL shows it, without its brackets.
  private static func isShownText(_ text: String) -> String {
    let rest = whiteSpace.reduce("(\(text) COLLATE \"C\")") { "replace(\($0), '\($1.character)'::text, ''::text)" }
    return "(octet_length(\(text)) > 1000) OR (octet_length(\(rest)) > 0)"
  }

  /// The forms in which PostgreSQL may show a name: which one, a list of its keywords decides.
  private static func shown(_ name: String) -> [String] {
    let isPlain = name.wholeMatch(of: #/[a-z_][a-z0-9_$]*/#) != nil
    return [name.quotedIdentifier] + (isPlain ? [name] : [])
  }
}
