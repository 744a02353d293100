import Backfill

extension Migrator {
  /// What a way down would drop with a column.
  package struct Loss: Equatable, Sendable {
    package let table: SQLName
    package let column: String
    package let values: Int
    /// Rows whose vectors are paid for and not yet written.
    package var unwritten = 0

    func isWithin(_ other: Loss) -> Bool {
      table == other.table && column == other.column && values <= other.values && unwritten <= other.unwritten
    }
  }

  /// What `down` to `version` would lose; nothing that it would leave.
  package func losses(to version: Int?) async throws -> [Loss] {
    try await losses(of: prepare(downPlan(to: version)))
  }

  func losses(of prepared: [PreparedMigration]) async throws -> [Loss] {
    var losses: [Loss] = []
    for dropped in try await dropped(by: prepared) {
      let load = try await database.load(
        of: MigrationScript.LoadedColumn(table: dropped.table, column: dropped.column))
      let loss = Loss(
        table: dropped.table, column: dropped.column, values: load.map { $0.rows - $0.missing } ?? 0,
        unwritten: try await unwritten(dropped))
      if loss.values > 0 || loss.unwritten > 0 { losses.append(loss) }
    }
    return losses
  }

  /// The columns that go by what `prepared` would run. Of a table that goes they are those of its vectors, else the one
  /// that vecfill's own tables have.
  func dropped(by prepared: [PreparedMigration]) async throws -> [DroppedColumn] {
    var columns: [DroppedColumn] = []
    for part in prepared.flatMap(\.steps) where part.runs {
      if case .dropColumn(let table, let column)? = part.change {
        columns.append(DroppedColumn(table: table, column: column))
      } else if let table = part.statement.droppedTable {
        let vectors = try await database.vectorColumns(of: table)
        columns += (vectors.isEmpty ? ["digest"] : vectors).map { DroppedColumn(table: table, column: $0) }
      }
    }
    return columns
  }
}

extension SQLStatement {
  /// The table that it drops, where it drops one and is written as vecfill writes it.
  fileprivate var droppedTable: SQLName? {
    guard begins("drop", "table") else { return nil }
    var reader = TokenReader(self)
    reader.skip("drop", "table")
    return reader.name()
  }
}
