import Backfill

/// Which migrations are to be run, and what in the files doesn't fit the database's records.
package struct MigrationPlan: Equatable, Sendable {
  package enum Problem: Hashable, Sendable {
    /// The file was changed after it was applied.
    case edited(Migration)
    /// It is applied and its file is gone.
    case missing(MigrationRecord)
    /// It is pending, and a later one is applied.
    case outOfOrder(Migration, after: MigrationRecord)
  }

  package struct Step: Hashable, Sendable {
    package let migration: Migration
    package let direction: Direction
    /// nil where it was never begun.
    package let record: MigrationRecord?
  }

  package let steps: [Step]
  package let problems: [Problem]

  /// What `migrate up` runs, up to `version`, in order: what is pending, was interrupted, or left a table for later.
  package static func up(_ set: MigrationSet, _ records: [MigrationRecord], to version: Int? = nil) -> MigrationPlan {
    let records = Dictionary(uniqueKeysWithValues: records.map { ($0.version, $0) })
    let steps = set.migrations.filter { $0.version <= version ?? .max }.compactMap { migration -> Step? in
      let record = records[migration.version]
      if let record, record.state == .applied, !record.outcomes.contains(.absent) { return nil }
      return Step(migration: migration, direction: .up, record: record)
    }
    return MigrationPlan(steps: steps, problems: problems(set, records))
  }

  /// What `migrate down` runs: those above `version`, the newest first; without a version only the newest.
  package static func down(_ set: MigrationSet, _ records: [MigrationRecord], to version: Int? = nil) -> MigrationPlan {
    let records = Dictionary(uniqueKeysWithValues: records.map { ($0.version, $0) })
    let newest = records.keys.max() ?? 0
    let steps = set.migrations.reversed().compactMap { migration -> Step? in
      guard let record = records[migration.version], migration.version > version ?? (newest - 1) else { return nil }
      return Step(migration: migration, direction: .down, record: record)
    }
    return MigrationPlan(steps: steps, problems: problems(set, records))
  }

  /// One that waits for a load may be applied after a later one.
  private static func problems(_ set: MigrationSet, _ records: [Int: MigrationRecord]) -> [Problem] {
    let newest = records.values.filter { set[$0.version]?.up.directives.load == nil }.max { $0.version < $1.version }
    var problems = records.values.filter { set[$0.version] == nil }.sorted { $0.version < $1.version }
      .map(Problem.missing)
    for migration in set.migrations {
      if let record = records[migration.version] {
        if record.checksum != migration.checksum { problems.append(.edited(migration)) }
      } else if let newest, migration.version < newest.version, migration.up.directives.load == nil {
        problems.append(.outOfOrder(migration, after: newest))
      }
    }
    return problems
  }
}

extension MigrationPlan.Problem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .edited(let migration): "\(migration) was edited after it was applied"
    case .missing(let record): "\(record) is applied and its file is missing"
    case .outOfOrder(let migration, let record): "\(migration) is pending though \(record) is applied"
    }
  }

  /// What to do about it.
  package var remedy: String {
    switch self {
    case .edited: "put the file back and write a new migration, or `vecfill migrate repair` if the database is right"
    case .missing: "put the file back, or `vecfill migrate repair` to forget it"
    case .outOfOrder: "give it a new number, or --out-of-order to apply it all the same"
    }
  }
}
