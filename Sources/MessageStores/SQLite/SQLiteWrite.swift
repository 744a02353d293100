import Backfill
import Foundation
import GRDB

/// Writes vectors to rows, and goes on without those that the database refuses.
///
/// Most writes meet no refusal and are one transaction. After the first, each row has a savepoint, so that nothing of a
/// refused row's triggers stays. A trigger may even end the whole transaction (`RAISE(ROLLBACK)`): then it starts again
/// without the row.
///
/// Foreign keys aren't enforced, as SQLite's default is, so that no deferred one can fail at COMMIT.
struct SQLiteWrite {
  private let rows: [EmbeddedRow]
  /// As the column takes them. Encoded beforehand: the application can't write while the transaction lasts.
  private let vectors: [DatabaseValue]
  private var outcome = WriteOutcome()
  /// Where a row ended a transaction, and at least so many rows were before it, those are committed by themselves: many
  /// such rows then cost neither a commit each nor all rows again each.
  private static let kept = 64

  init(_ rows: [EmbeddedRow], vectors: [DatabaseValue]) {
    (self.rows, self.vectors) = (rows, vectors)
  }

  /// Writes them; `table` finds the table within a transaction.
  mutating func run(
    in database: Database, table: (Database) throws -> SQLiteTable
  ) throws -> WriteOutcome {
    var isCareful = false
    var (start, end) = (0, rows.count)
    while start < rows.count {
      let refused = try attempt(start..<end, isCareful: isCareful, in: database, table: table)
      if refused != nil, !isCareful {
        isCareful = true
      } else if let refused {
        end = refused - start >= Self.kept ? refused : rows.count
      } else {
        (start, end) = (end, rows.count)
      }
    }
    return outcome
  }

  /// One transaction. Returns the place of the row that ended it, with nothing written; nil once it is committed.
  private mutating func attempt(
    _ range: Range<Int>, isCareful: Bool, in database: Database, table: (Database) throws -> SQLiteTable
  ) throws -> Int? {
    try database.beginTransaction(.immediate)
    do {
      let table = try table(database)
      var statements = SQLiteRowStatements(table: table, database: database)
      var changed: [Int: Bool] = [:]
      for index in range where outcome.refused[rows[index].key] == nil {
        if isCareful { try database.cachedStatement(sql: "SAVEPOINT vecfill_row").execute() }
        switch try statements.update(rows[index], to: vectors[index]) {
        case .taken(let isChanged):
          changed[index] = isChanged
        case .refused(let error):
          guard isCareful else {
            try database.rollback()
            return index
          }
          outcome.refused[rows[index].key] = try SQLiteRefusal(error).reason(in: table, database)
          guard database.isInsideTransaction else { return index }
          try database.cachedStatement(sql: "ROLLBACK TO vecfill_row").execute()
        }
        if isCareful { try database.cachedStatement(sql: "RELEASE vecfill_row").execute() }
      }
      var (written, unfilled) = (Set<RowKey>(), Set<RowKey>())
      // A row that was changed has its vector, unless a trigger has taken it away.
      let hasTriggers = try SQLiteTable.hasTriggers(in: database)
      for (index, isChanged) in changed {
        if isChanged, !hasTriggers {
          written.insert(rows[index].key)
          continue
        }
        let state = try statements.state(of: rows[index])
        if state.takesNone { unfilled.insert(rows[index].key) }
        if state.hasVector, isChanged { written.insert(rows[index].key) }
      }
      try database.commit()
      outcome.written.formUnion(written)
      outcome.unfilled.formUnion(unfilled)
      if !unfilled.isEmpty { outcome.hooks = table.hooks }
      return nil
    } catch {
      // Nothing more can be done about it than to tell the error that came first.
      try? database.rollback()
      throw error
    }
  }
}
