import Backfill
import GRDB

/// A range of a table's keys, as conditions with their arguments.
struct SQLiteRange {
  private(set) var conditions: [String] = []
  private(set) var arguments: [DatabaseValue] = []

  /// The keys behind `after` and up to `through`, in `order`; nil for no bound.
  init(of key: SQLiteKey, in order: RowOrder = .oldest, after: RowKey?, through: RowKey?) throws {
    let (behind, upTo) = order == .oldest ? (">", "<=") : ("<", ">=")
    for (comparator, bound) in [(behind, after), (upTo, through)] {
      guard let bound else { continue }
      let comparison = try key.comparison(comparator, bound)
      conditions.append(comparison.sql)
      arguments += comparison.arguments
    }
  }

  var statementArguments: StatementArguments { StatementArguments(arguments) }
}
