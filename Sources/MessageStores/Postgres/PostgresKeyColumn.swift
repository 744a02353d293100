import Backfill
import Postgres

/// A column of a table's key: how its values are compared, read and bound.
struct PostgresKeyColumn: Equatable, Sendable {
  let name: String
  /// What its values are read as: `.text` is the exact text form of any type but the other three.
  let kind: RowKey.Kind
  /// The column's type, without a domain around it and with its schema, as SQL.
  let type: String
  /// Whether the type's text form depends on the session's time zone.
  var hasTimeZone = false

  var identifier: String { name.quotedIdentifier }

  /// The operator `name` as SQL: PostgreSQL's own for its own types, which may have none for the very type, as varchar, so
  /// that one that somebody made on the search path would be taken.
  func operation(_ name: String) -> String {
    type.hasPrefix("\"pg_catalog\".") ? "OPERATOR(pg_catalog.\(name))" : name
  }

  /// The value of `expression`, which is of the column's type, in the form that `PostgresResult.rowKey` reads.
  func output(_ expression: String) -> String {
    switch kind {
    case .integer: "\(expression)::pg_catalog.int8"
    case .uuid, .bytes: "\(expression)::\(type)"
    default: text(expression)
    }
  }

  /// The value of `expression` as `RowKey` describes it.
  func text(_ expression: String) -> String {
    switch kind {
    case .bytes: return #"('\x' || pg_catalog.encode(\#(expression), 'hex'))"#
    default: break
    }
    guard hasTimeZone else { return "\(expression)::pg_catalog.text" }
    // In UTC, whatever the session's time zone is: a condition may rely on that one.
    let utc = "pg_catalog.timezone('UTC', \(expression))::pg_catalog.text"
    return """
      CASE WHEN NOT pg_catalog.isfinite(\(expression)) THEN \(expression)::pg_catalog.text
        WHEN pg_catalog."right"(\(utc), 3) = ' BC' THEN pg_catalog."left"(\(utc), -3) || '+00 BC' ELSE \(utc) || '+00' END
      """
  }

  /// A parameter or another expression, as a value that the column's index can be searched for.
  func value(_ expression: String) -> String {
    "\(expression)::\(kind == .integer ? "pg_catalog.int8" : type)"
  }
}
