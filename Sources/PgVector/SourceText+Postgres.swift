import Backfill
import Postgres

/// A source's text as PostgreSQL computes it, one expression wherever it is needed.
extension SourceText {
  /// SQL of type text over the row's columns.
  ///
  /// - Parameter zoned: the columns whose text form depends on the session's time zone; they are read in UTC.
  package func postgres(zoned: Set<String> = []) -> String {
    switch self {
    case .column(let name): return "\(name.quotedIdentifier)::pg_catalog.text"
    case .template(let template): return template.postgres(zoned)
    // The line breaks keep a comment in the expression from swallowing what follows.
    case .sql(let expression): return "((\n\(expression)\n)::pg_catalog.text COLLATE pg_catalog.\"C\")"
    }
  }

  /// The text's bytes, told without reading a text that is stored apart; nil where only the text itself shows it.
  ///
  /// A template's own words don't count.
  package var postgresStoredLength: String? {
    switch self {
    case .column(let name): "pg_catalog.octet_length(\(name.quotedIdentifier))"
    case .template(let template):
      template.columns.map {
        "coalesce(pg_catalog.octet_length(\($0.quotedIdentifier)::pg_catalog.text), 0)::pg_catalog.int8"
      }.joined(separator: " + ")
    case .sql: nil
    }
  }
}

extension Source {
  /// The text as an index of the table can know it: what a view shows, none can.
  package var indexedText: SourceText { view == nil ? text : .sql("NULL") }
}

extension TextTemplate {
  fileprivate func postgres(_ zoned: Set<String>) -> String {
    let text = sql {
      "pg_catalog.octet_length(\($0.quotedIdentifier)::pg_catalog.text) > 0"
    } value: {
      zoned.contains($0) ? Self.inUTC($0.quotedIdentifier) : "\($0.quotedIdentifier)::pg_catalog.text"
    } literal: {
      $0.postgresLiteral
    }
    // One collation for all, however the columns' own differ.
    return "(\(text) COLLATE pg_catalog.\"C\")"
  }

  private static func inUTC(_ column: String) -> String {
    """
    CASE WHEN pg_catalog.isfinite(\(column)) THEN pg_catalog.timezone('UTC', \(column))::pg_catalog.text || '+00'
      ELSE \(column)::pg_catalog.text END
    """
  }
}

extension String {
  /// The text as an SQL literal of type text, whatever the session says of backslashes.
  fileprivate var postgresLiteral: String {
    // By scalars: to a String a quote with a combining mark behind it is another character.
    "E'\(unicodeScalars.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined())'::pg_catalog.text"
  }
}
