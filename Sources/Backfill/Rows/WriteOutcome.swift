/// What became of the rows of one write. A row that is in none of the sets was edited, deleted or filled meanwhile, or no
/// longer meets the source's condition.
package struct WriteOutcome: Equatable, Sendable {
  /// The rows that hold their vector now.
  package var written: Set<RowKey> = []
  /// The rows whose vector the database refuses, whatever else is written, and why: the SQLSTATE or SQLite's code, and
  /// the constraint's or the trigger's name, with no value of the row (P10).
  package var refused: [RowKey: String] = [:]
  /// The rows that another transaction holds. Nothing was written to them.
  package var locked: Set<RowKey> = []
  /// Who holds the locked rows, as far as the database shows, e.g. "pid 4711 (psql at 10.0.0.7), idle in transaction
  /// since 12:01:07"; empty where nobody does or it isn't known.
  package var lockHolders: String = ""
  /// The rows that still hold the very text and no vector after a write that was accepted.
  package var unfilled: Set<RowKey> = []
  /// What may have undone the writes to the rows in `unfilled`: the names of the table's triggers and rules.
  package var hooks: String = ""

  /// Whether no row was written, and the database refuses the vectors of other rows too, to which one was written for trial:
  /// it is at fault, and no row.
  package var refusesAll = false
  /// Whether `refusesAll` is in doubt: another row could not be tried, because another transaction holds it. That row may
  /// take a vector.
  package var leavesDoubt = false

  package init() {}
}

/// How a store finds out whether the database refuses all.
extension WriteOutcome {
  /// So many rows must be refused, those that are tried for it included: a few may be odd ones.
  private static let leastRefused = 12
  /// So many rows that lack a vector are tried from each end of the table.
  package static let mostTried = 12

  /// Whether no row of the write was written.
  package var hasOnlyRefused: Bool { written.isEmpty && !(refused.isEmpty && unfilled.isEmpty) }

  /// The rows that take no vector. Those that another transaction holds or has filled are not among them.
  package var withoutVector: Set<RowKey> { Set(refused.keys).union(unfilled) }

  /// Sets `refusesAll` and `leavesDoubt` after a write of which no row was written.
  ///
  /// - Parameters:
  ///   - others: other rows of the table than `withoutVector`, that lack a vector or have one.
  ///   - takes: whether such a row takes a vector, which it doesn't keep; nil where that can't be told.
  package mutating func tryOthers(
    _ others: (_ areFilled: Bool) throws -> [RowKey], takes: (RowKey) throws -> Bool?
  ) rethrows {
    var tried = withoutVector.count
    var leavesDoubt = false
    for key in try others(false) {
      switch try takes(key) {
      case true?: return
      case false?: tried += 1
      case nil: leavesDoubt = true
      }
    }
    guard tried >= Self.leastRefused else { return }
    // Where nothing but odd rows is left, those that have a vector take another. That one refuses it says nothing: some
    // applications let none be replaced.
    for key in try others(true) {
      switch try takes(key) {
      case true?: return
      case false?: break
      case nil: leavesDoubt = true
      }
    }
    refusesAll = true
    self.leavesDoubt = leavesDoubt
  }
}
