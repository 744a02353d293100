import Backfill
import Foundation
import GRDB

/// The statements about single rows of one transaction, prepared once for each form of key.
///
/// They are prepared in the transaction, where the schema can't change: an error that one meets while it runs is about
/// its row.
struct SQLiteRowStatements {
  private let table: SQLiteTable
  private let database: Database
  private var updates: [String: Statement] = [:]
  private var states: [String: Statement] = [:]

  /// What became of an update.
  enum Update {
    /// Whether the row was changed: else it no longer fits, or a trigger ignored the update.
    case taken(isChanged: Bool)
    case refused(DatabaseError)
  }

  init(table: SQLiteTable, database: Database) {
    (self.table, self.database) = (table, database)
  }

  mutating func update(_ row: EmbeddedRow, to vector: DatabaseValue) throws -> Update {
    let (isRow, arguments) = try table.key.comparison("=", row.key)
    let digest = Data(row.digest.bytes).databaseValue
    let statement = try updates[isRow] ?? database.makeStatement(sql: table.update(isRow))
    updates[isRow] = statement
    do {
      try statement.execute(
        arguments: StatementArguments([vector] + (table.edits == nil ? [] : [digest]) + arguments + [digest]))
    } catch let error as DatabaseError where SQLiteRefusal.isRefusal(error) {
      // One that failed would tell its error again at its next use.
      updates[isRow] = nil
      return .refused(error)
    }
    return .taken(isChanged: database.changesCount == 1)
  }

  /// Whether the row has a vector, and whether it has none though it could take one.
  mutating func state(of row: EmbeddedRow) throws -> (hasVector: Bool, takesNone: Bool) {
    let (isRow, arguments) = try table.key.comparison("=", row.key)
    let statement = try states[isRow] ?? database.makeStatement(sql: table.state(isRow))
    states[isRow] = statement
    let found = try Row.fetchOne(
      statement, arguments: StatementArguments([Data(row.digest.bytes).databaseValue] + arguments))
    guard let found else { return (false, false) }
    return (found[0], (found[1] as Bool?) ?? false)
  }
}
