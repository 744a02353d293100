import Backfill
import Foundation
import Postgres

/// A table's key: one column or several, in their index's order.
struct PostgresKey: Equatable, Sendable {
  let columns: [PostgresKeyColumn]

  var kind: RowKey.Kind {
    columns.count == 1 ? columns[0].kind : .composite(columns.map(\.kind))
  }

  /// The columns as SQL, e.g. for an index.
  var identifiers: String { columns.map(\.identifier).joined(separator: ", ") }

  /// The columns of `table`, each in `direction`, for an ORDER BY. They are qualified: a bare name could mean an output.
  func order(_ direction: String = "ASC", of table: String) -> String {
    columns.map { "\(table).\($0.identifier) \(direction)" }.joined(separator: ", ")
  }

  /// The names under which a subquery passes the columns on.
  var aliases: String { columns.indices.map { "vecfill_k\($0)" }.joined(separator: ", ") }

  /// The aliases, each in `direction`, for an ORDER BY.
  func aliasOrder(_ direction: String) -> String {
    columns.indices.map { "vecfill_k\($0) \(direction)" }.joined(separator: ", ")
  }

  /// That the key of `one` is that of `other`, both names that columns are qualified with.
  func equality(of one: String, and other: String) -> String {
    columns.map { "\(one).\($0.identifier) \($0.operation("=")) \(other).\($0.identifier)" }.joined(separator: " AND ")
  }

  /// The columns under their aliases.
  var aliased: String {
    columns.enumerated().map { "\($1.identifier) AS vecfill_k\($0)" }.joined(separator: ", ")
  }

  /// The aliased columns in the form that `PostgresResult.rowKey` reads.
  var aliasedOutputs: String {
    columns.enumerated().map { $1.output("vecfill_k\($0)") }.joined(separator: ", ")
  }

  /// The columns in the form that `PostgresResult.rowKey` reads.
  var outputs: String { columns.map { $0.output($0.identifier) }.joined(separator: ", ") }

  /// The key's text as `RowKey` describes it.
  var text: String {
    let parts = columns.map { $0.text($0.identifier) }
    return parts.count == 1 ? parts[0] : "('(' || \(parts.joined(separator: " || ', ' || ")) || ')')"
  }

  /// The comparison `operation` of the whole key with the parameters from $`first` on.
  func comparison(_ operation: String, parametersFrom first: Int) -> String {
    let values = columns.enumerated().map { $1.value("$\(first + $0)") }
    guard values.count > 1 else {
      return "\(columns[0].identifier) \(columns[0].operation(operation)) \(values[0])"
    }
    // One operator stands for all columns.
    let operations = Set(columns.map { $0.operation(operation) })
    let operation = operations.count == 1 ? operations.first ?? operation : operation
    return "(\(identifiers)) \(operation) (\(values.joined(separator: ", ")))"
  }

  /// The condition that each column equals the expression that `value` gives for its index.
  func equality(_ value: (Int) -> String) -> String {
    columns.enumerated().map { "\($1.identifier) \($1.operation("=")) \($1.value(value($0)))" }.joined(
      separator: " AND ")
  }

  /// A key as parameters, one a column.
  func parameters(_ key: RowKey) -> [PostgresValue] { parts(key).map(PostgresValue.init) }

  /// Many keys as parameters, an array of texts a column.
  func arrays(_ keys: [RowKey]) -> [PostgresValue] {
    let parts = keys.map(parts)
    return columns.indices.map { column in .array(parts.map { $0[column].description }) }
  }

  /// Each key's columns as texts.
  func texts(_ keys: [RowKey]) -> [[String]] { keys.map { parts($0).map(\.description) } }

  private func parts(_ key: RowKey) -> [RowKey] {
    if case .composite(let parts) = key { parts } else { [key] }
  }
}

extension PostgresValue {
  /// A key's single part as a parameter.
  fileprivate init(_ key: RowKey) {
    switch key {
    case .integer(let value): self = .integer(value)
    case .uuid(let value): self = .uuid(value)
    case .text(let value): self = .text(value)
    case .bytes(let value): self = .bytes(value)
    case .composite: self = .null
    }
  }
}

extension PostgresResult {
  /// The key whose parts stand in the columns from `first` on, in binary form; nil where one is NULL or no such value.
  func rowKey(row: Int, from first: Int, _ key: PostgresKey) -> RowKey? {
    var parts: [RowKey] = []
    for (index, column) in key.columns.enumerated() {
      let part = withBytes(row: row, column: first + index) { bytes -> RowKey? in
        switch column.kind {
        case .integer:
          bytes.count == 8 ? .integer(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))) : nil
        case .uuid:
          bytes.count == 16 ? .uuid(UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))) : nil
        case .bytes:
          .bytes(Array(bytes))
        default:
          String(validating: bytes, as: UTF8.self).map { .text($0) }
        }
      }
      guard let part, let part else { return nil }
      parts.append(part)
    }
    return parts.count == 1 ? parts[0] : .composite(parts)
  }
}
