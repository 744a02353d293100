import Backfill
import Foundation
import GRDB

/// Why the database refused a row, in names of the schema alone: a message may quote the row (P10).
struct SQLiteRefusal {
  private let error: DatabaseError

  init(_ error: DatabaseError) {
    self.error = error
  }

  /// Whether an error that an update met is about its row: everything else is the file's or the machine's.
  static func isRefusal(_ error: DatabaseError) -> Bool {
    switch error.resultCode {
    case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG, .SQLITE_ERROR: true
    default: false
    }
  }

  /// The code, and the constraint's, column's or trigger's name as far as it is sure.
  func reason(in table: SQLiteTable, _ database: Database) throws -> String {
    let code = Self.codes[error.extendedResultCode.rawValue] ?? "SQLite error \(error.extendedResultCode.rawValue)"
    return try name(in: table, database).map { "\(code), \($0)" } ?? code
  }

  private func name(in table: SQLiteTable, _ database: Database) throws -> String? {
    switch error.extendedResultCode {
    case .SQLITE_CONSTRAINT_CHECK:
      let name = text(after: "constraint failed: ") ?? ""
      return try Self.constraints(in: database).contains(name) ? "constraint \(name)" : "a check without a name"
    case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_NOTNULL, .SQLITE_CONSTRAINT_PRIMARYKEY:
      let names = text(after: "constraint failed: ") ?? ""
      return try Self.isNames(names, in: database) ? names : nil
    case .SQLITE_CONSTRAINT_DATATYPE:
      let name = text(after: " column ") ?? ""
      return try Self.isNames(name, in: database) ? name : nil
    case .SQLITE_CONSTRAINT_TRIGGER, .SQLITE_ERROR:
      // The message is the trigger's author's, and may hold a value.
      return table.hooks.isEmpty ? nil : table.hooks
    default:
      return nil
    }
  }

  private func text(after mark: String) -> String? {
    guard let message = error.message, let range = message.range(of: mark) else { return nil }
    return String(message[range.upperBound...])
  }

  /// The names that constraints have in the schema.
  private static func constraints(in database: Database) throws -> Set<String> {
    let definitions = try String.fetchAll(
      database, sql: "SELECT sql FROM sqlite_master WHERE type = 'table' AND sql LIKE '%CONSTRAINT%'")
    let pattern = #/\bCONSTRAINT\s+("(?:[^"]|"")*"|'(?:[^']|'')*'|`[^`]*`|\[[^\]]*\]|[^\s(,"'`\[]+)/#.ignoresCase()
    return Set(definitions.flatMap { $0.matches(of: pattern).map { Self.unquoted(String($0.1)) } })
  }

  private static func unquoted(_ name: String) -> String {
    guard let quote = name.first, "\"'`[".contains(quote) else { return name }
    let inner = String(name.dropFirst().dropLast())
    return inner.replacing("\(quote)\(quote)", with: "\(quote)")
  }

  /// Whether it is a list of columns as SQLite names them, `table.column, table.column`.
  private static func isNames(_ list: String, in database: Database) throws -> Bool {
    let columns = try String.fetchSet(
      database,
      sql: """
        SELECT t.name || '.' || c.name FROM sqlite_master AS t, pragma_table_xinfo(t.name) AS c WHERE t.type = 'table'
        """)
    return list.split(separator: ", ").allSatisfy { columns.contains(String($0)) } && !list.isEmpty
  }

  private static let codes: [Int32: String] = [
    1: "SQLITE_ERROR", 18: "SQLITE_TOOBIG", 19: "SQLITE_CONSTRAINT", 20: "SQLITE_MISMATCH",
    275: "SQLITE_CONSTRAINT_CHECK", 531: "SQLITE_CONSTRAINT_COMMITHOOK", 787: "SQLITE_CONSTRAINT_FOREIGNKEY",
    1043: "SQLITE_CONSTRAINT_FUNCTION", 1299: "SQLITE_CONSTRAINT_NOTNULL", 1555: "SQLITE_CONSTRAINT_PRIMARYKEY",
    1811: "SQLITE_CONSTRAINT_TRIGGER", 2067: "SQLITE_CONSTRAINT_UNIQUE", 2323: "SQLITE_CONSTRAINT_VTAB",
    2579: "SQLITE_CONSTRAINT_ROWID", 2835: "SQLITE_CONSTRAINT_PINNED", 3091: "SQLITE_CONSTRAINT_DATATYPE",
  ]
}
