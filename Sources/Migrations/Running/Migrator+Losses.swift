import Backfill

extension Migrator {
  /// Values that a way down would drop with their column.
  package struct Loss: Equatable, Sendable {
    package let table: SQLName
    package let column: String
    package let values: Int
  }

  /// What `down` to `version` would lose; nothing that it would leave.
  package func losses(to version: Int?) async throws -> [Loss] {
    var losses: [Loss] = []
    for step in MigrationPlan.down(set, try await database.records(), to: version).steps {
      for part in try await prepare(step).steps where part.runs {
        if let table = part.statement.droppedTable,
          let load = try await database.load(of: MigrationScript.LoadedColumn(table: table, column: "digest")),
          load.rows > 0
        {
          losses.append(Loss(table: table, column: "digest", values: load.rows))
        }
        guard case .dropColumn(let table, let column)? = part.change,
          let load = try await database.load(of: MigrationScript.LoadedColumn(table: table, column: column)),
          load.rows > load.missing
        else { continue }
        losses.append(Loss(table: table, column: column, values: load.rows - load.missing))
      }
    }
    return losses
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
