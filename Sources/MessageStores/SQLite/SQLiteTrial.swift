import Backfill
import Foundation
import GRDB

/// Writes a vector to other rows than those of a write that were all refused, in transactions that are rolled back: does
/// the database refuse every row?
struct SQLiteTrial {
  private let table: SQLiteTable
  private let vector: DatabaseValue

  /// Says in the outcome of a write of `rows` whether the database refuses not only all of them but also others.
  static func tryOthers(
    than rows: [EmbeddedRow], _ outcome: inout WriteOutcome, of table: SQLiteTable, in database: Database
  ) throws {
    guard outcome.hasOnlyRefused else { return }
    let trial = SQLiteTrial(table: table, vector: table.vectorFormat.value(of: rows[0].vector))
    let known = outcome.withoutVector
    try outcome.tryOthers(
      { try trial.others(than: known, areFilled: $0, in: database) },
      takes: { try trial.takes($0, in: database) })
  }

  /// Rows at both ends of the table that lack a vector, or have one, and meet the source's condition.
  private func others(
    than known: Set<RowKey>, areFilled: Bool, in database: Database
  ) throws -> [RowKey] {
    let most = WriteOutcome.mostTried + known.count
    var keys: [RowKey] = []
    for order in [table.key.descending, table.key.ascending] {
      var found: [RowKey] = []
      do {
        let rows = try Row.fetchCursor(database, sql: table.ends(by: order, areFilled: areFilled, most: most))
        while let row = try rows.next(), found.count < WriteOutcome.mostTried {
          let key = try table.key.key(from: row, of: table.source)
          if !known.contains(key), !keys.contains(key) { found.append(key) }
        }
      } catch let error as DatabaseError where error.isOfRow {
        // The text or the condition fails for a row; those before it will do.
      }
      keys += found
    }
    return keys
  }

  /// Whether the row takes the vector; nil where it is gone.
  private func takes(_ key: RowKey, in database: Database) throws -> Bool? {
    let (isRow, arguments) = try table.key.comparison("=", key)
    try database.beginTransaction(.immediate)
    // What a trigger rolled back is over already.
    defer { if database.isInsideTransaction { try? database.rollback() } }
    do {
      try database.execute(sql: table.trial(isRow), arguments: StatementArguments([vector] + arguments))
    } catch let error as DatabaseError where SQLiteRefusal.isRefusal(error) {
      return false
    }
    let isChanged = database.changesCount > 0
    let hasVector = try Bool.fetchOne(
      database, sql: table.vectorIsThere(isRow), arguments: StatementArguments(arguments))
    return hasVector.map { isChanged && $0 }
  }
}
