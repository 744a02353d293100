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

  package init() {}
}

/// How a store finds out whether it has to say `refusesAll`.
extension WriteOutcome {
  /// So many rows must be refused, those that are tried for it included: a few may be odd ones.
  private static let leastRefused = 12
  /// So many rows that lack a vector are tried from each end of the table.
  package static let mostTried = 12

  /// Whether no row of the write was written.
  package var hasOnlyRefused: Bool { written.isEmpty && !(refused.isEmpty && unfilled.isEmpty) }

  /// Whether the database refuses not only the rows of this write, of which none was written, but also others.
  ///
  /// - Parameters:
  ///   - others: other rows of the table, that lack a vector or have one.
  ///   - takes: whether such a row takes a vector, which it doesn't keep; nil where that can't be told.
  package func isOfWholeTable(
    others: (_ areFilled: Bool) throws -> [RowKey], takes: (RowKey) throws -> Bool?
  ) rethrows -> Bool {
    var tried = refused.count + unfilled.count
    for key in try others(false) {
      guard let taken = try takes(key) else { continue }
      if taken { return false }
      tried += 1
    }
    guard tried >= Self.leastRefused else { return false }
    // Where nothing but odd rows is left, those that have a vector take another. That one refuses it says nothing: some
    // applications let none be replaced.
    return try others(true).allSatisfy { try takes($0) != true }
  }
}
