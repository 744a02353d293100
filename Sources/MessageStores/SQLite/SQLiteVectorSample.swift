import Backfill
import Foundation
import GRDB
import PgVector
import Postgres

/// Some values of a vector column. Most of them show how the column holds vectors; a single one may be wrong.
struct SQLiteVectorSample {
  /// What a vector is stored as.
  struct Shape: Hashable {
    let format: SQLiteVectorFormat
    let dimensions: Int
  }

  private struct Value {
    let key: String
    /// As SQLite's typeof() has it.
    let type: String
    let format: SQLiteVectorFormat
    /// nil where it is no vector.
    let shape: Shape?
  }

  /// By the keys' texts.
  private var values: [String: Value] = [:]
  private let column: String

  /// So many rows are looked at from either end of the table.
  private static let rows = 500
  private static let mostValues = 21

  /// What stands for no vector is not among them.
  init(of source: Source, key: SQLiteKey, in database: Database) throws {
    column = source.column
    let (table, vector) = (source.table.quotedIdentifier, source.vector.quotedIdentifier)
    func add(_ rows: String) throws {
      let found = try Row.fetchCursor(
        database,
        sql: """
          SELECT vecfill_key, typeof(vecfill_vector), CAST(vecfill_vector AS BLOB) FROM (\(rows))
          WHERE NOT \(MissingVector.condition("vecfill_vector")) LIMIT \(Self.mostValues)
          """)
      while let row = try found.next() {
        let text = try row.withUnsafeData(atIndex: 0) { String(decoding: $0 ?? Data(), as: UTF8.self) }
        let type: String = row[1]
        let format: SQLiteVectorFormat = type == "blob" ? .float32 : .json
        let vector = format.vector(row[2])
        values[text] = Value(
          key: text, type: type, format: format, shape: vector.map { Shape(format: format, dimensions: $0.count) })
      }
    }
    let selected = "SELECT \(key.text) AS vecfill_key, \(vector) AS vecfill_vector FROM \(table)"
    for order in [key.ascending, key.descending] {
      try add("\(selected) \(key.access) ORDER BY \(order) LIMIT \(Self.rows)")
    }
    if values.isEmpty { try add("\(selected) WHERE NOT \(MissingVector.condition(vector)) LIMIT 1") }
  }

  var isEmpty: Bool { values.isEmpty }

  /// The key of one of them, and what it is in words.
  var example: (key: String, kind: String) {
    let first = values.min { $0.key < $1.key }?.value
    let kind =
      switch first?.type {
      case "blob": "bytes"
      case "text": "text"
      default: "a number"
      }
    return (first?.key ?? "", kind)
  }

  /// What most of them are stored as; of two that are as frequent, the one of `dimensions`. nil where none is a vector.
  func usual(preferring dimensions: Int?) -> Shape? {
    let counts = Dictionary(grouping: values.values.compactMap(\.shape)) { $0 }.mapValues(\.count)
    func rank(_ shape: Shape) -> (Int, Int, Int) {
      (counts[shape] ?? 0, shape.dimensions == dimensions ? 1 : 0, shape.dimensions)
    }
    return counts.keys.max { rank($0) < rank($1) }
  }

  /// How most of them are held, vectors or not.
  var usualFormat: SQLiteVectorFormat {
    2 * values.values.count { $0.format == .float32 } > values.count ? .float32 : .json
  }

  /// What a person should know of those that aren't stored as `usual`; nil where all are.
  func warning(beside usual: Shape) -> String? {
    let others = values.values.filter { $0.shape != usual }
    guard let key = others.map(\.key).min() else { return nil }
    return
      "\(column): of \(values.count.of("value")) looked at, \(others.count.grouped) \(others.count == 1 ? "is" : "are") no "
      + "vector of \(usual.dimensions) dimensions as the others, e.g. that of the row \(key), and no run replaces it: "
      + "`vecfill verify JOB --offline` counts them all, and set to NULL they are filled"
  }
}
