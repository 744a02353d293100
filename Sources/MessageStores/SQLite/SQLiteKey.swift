import Backfill
import Foundation
import GRDB
import Postgres

/// The columns by which a table's rows are paged and found again, in the order of an index that makes them unique.
///
/// A key keeps the storage class that it has in the file, so that it is compared as the file orders it. A text that is
/// no valid UTF-8, or has a zero byte in it, comes as `RowKey.bytes` and is found by its very bytes: such a row is
/// filled like any other.
struct SQLiteKey: Sendable {
  struct Column: Sendable {
    let name: String
    let kind: RowKey.Kind
  }

  let columns: [Column]
  /// What keeps a statement to the index that holds the key's order: without it SQLite may choose an index of the
  /// condition's, and sort all texts of the table.
  let access: String

  /// The access by the row's own number.
  static let rowidAccess = "NOT INDEXED"

  var kind: RowKey.Kind { columns.count == 1 ? columns[0].kind : .composite(columns.map(\.kind)) }

  /// The column's or columns' names as a person writes them.
  var name: String { columns.map(\.name).joined(separator: ", ") }

  /// The columns, in the places that `key(from:)` reads.
  var selected: String { columns.map(\.name.quotedIdentifier).joined(separator: ", ") }

  /// That the key of `one` is that of `other`, both quoted names of tables.
  func equality(of one: String, and other: String) -> String {
    columns.map { "\(one).\($0.name.quotedIdentifier) = \(other).\($0.name.quotedIdentifier)" }
      .joined(separator: " AND ")
  }

  var ascending: String { selected }
  var descending: String { columns.map { "\($0.name.quotedIdentifier) DESC" }.joined(separator: ", ") }

  /// The key's text as `RowKey` describes it.
  var text: String {
    let parts = columns.map { column in
      let name = column.name.quotedIdentifier
      return column.kind == .bytes ? "'\\x' || lower(hex(\(name)))" : "CAST(\(name) AS TEXT)"
    }
    return parts.count == 1 ? parts[0] : "'(' || " + parts.joined(separator: " || ', ' || ") + " || ')'"
  }

  /// The comparison of the columns with `key`, e.g. `("a", "b") > (?, ?)`.
  ///
  /// Throws a `Failure` for a key of another number of columns, as a ledger may hold once the table's key was changed.
  func comparison(_ comparator: String, _ key: RowKey) throws -> (sql: String, arguments: [DatabaseValue]) {
    let parts = if case .composite(let parts) = key { parts } else { [key] }
    guard parts.count == columns.count else {
      throw Failure(
        .configuration, name, "a key of the ledger's has \(parts.count) columns, the table's has \(columns.count)",
        remedy: "use a new ledger, or name the key that it was made with in the job")
    }
    let bound = zip(columns, parts).map(Self.bound)
    let (names, places) = (selected, bound.map(\.place).joined(separator: ", "))
    return (
      parts.count == 1 ? "\(names) \(comparator) \(places)" : "(\(names)) \(comparator) (\(places))",
      bound.map(\.value)
    )
  }

  private static func bound(_ column: Column, _ key: RowKey) -> (place: String, value: DatabaseValue) {
    switch key {
    case .integer(let value): ("?", value.databaseValue)
    // A text that Swift can't hold, or that would end at its zero byte where it is bound.
    case .bytes(let bytes) where column.kind == .text: ("CAST(? AS TEXT)", Data(bytes).databaseValue)
    case .bytes(let bytes): ("?", Data(bytes).databaseValue)
    case .uuid, .text, .composite: ("?", key.description.databaseValue)
    }
  }

  /// The key of the first row that a statement finds.
  func first(
    _ sql: String, _ arguments: StatementArguments = [], of source: Source, in database: Database
  ) throws -> RowKey? {
    // Of a cursor's row: a row that is fetched for keeps has its texts mended.
    let rows = try Row.fetchCursor(database, sql: sql, arguments: arguments)
    return try rows.next().map { try key(from: $0, of: source) }
  }

  /// Reads the key from the first columns of a cursor's row; throws a `Failure` that names the column of `source` where
  /// a value is of a storage class that can't be paged.
  func key(from row: Row, of source: Source) throws -> RowKey {
    if columns.count == 1 { return try part(0, of: row, source) }
    return .composite(try columns.indices.map { try part($0, of: row, source) })
  }

  private func part(_ index: Int, of row: Row, _ source: Source) throws -> RowKey {
    let column = columns[index]
    let value: DatabaseValue = row[index]
    switch value.storage {
    case .int64(let integer):
      return .integer(integer)
    case .string:
      // Read as bytes: what SQLite takes for text need not be any.
      let bytes = try row.withUnsafeData(atIndex: index) { $0.map { Array($0) } ?? [] }
      if let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) { return .text(text) }
      if column.kind == .text { return .bytes(bytes) }
      throw Self.refusal("text that is no UTF-8", column, source)
    case .blob(let bytes) where column.kind == .bytes:
      return .bytes(Array(bytes))
    case .blob:
      throw Self.refusal("blob, others as \(column.kind),", column, source)
    case .double:
      throw Self.refusal("real", column, source)
    case .null:
      throw Self.refusal("null", column, source)
    }
  }

  private static func refusal(_ storage: String, _ column: Column, _ source: Source) -> Failure {
    Failure(
      .configuration, "\(source.name).\(column.name)", "a key that is stored as \(storage) can't be paged",
      remedy: "name a key of integers, texts or blobs in the job, or rowid")
  }
}
