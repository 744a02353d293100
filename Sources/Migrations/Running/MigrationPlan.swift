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
    /// The label that its record is kept under.
    package let folder: String
    /// nil where it was never begun.
    package let record: MigrationRecord?
    /// Whether it is recorded as applied and what it made is gone.
    package var isLost = false
  }

  package let steps: [Step]
  package let problems: [Problem]

  /// What `migrate up` runs, up to `version`, of a database that has `records` of whatever folders: first what puts right
  /// what withdrawn migrations did; then in order what is pending, was interrupted, left a table for later, or is among
  /// the versions `lost`, of which what they made is gone.
  package static func up(
    _ set: MigrationSet, _ records: [MigrationRecord], to version: Int? = nil, lost: Set<Int> = []
  ) -> MigrationPlan {
    let own = Own(set, records)
    let withdrawn = set.withdrawn.reversed().compactMap { own.step(down: $0) }
    let steps = set.migrations.filter { $0.version <= version ?? .max }.compactMap { migration -> Step? in
      let record = own.records[migration.version]
      let isLost = lost.contains(migration.version)
      if let record, record.state == .applied, !record.outcomes.contains(.absent), !isLost { return nil }
      return Step(migration: migration, direction: .up, folder: own.label, record: record, isLost: isLost)
    }
    return MigrationPlan(steps: withdrawn + steps, problems: problems(set, own.records))
  }

  /// What `migrate down` runs: those above `version`, the newest first; without a version only the newest.
  package static func down(_ set: MigrationSet, _ records: [MigrationRecord], to version: Int? = nil) -> MigrationPlan {
    let own = Own(set, records)
    let all = (set.migrations + set.withdrawn).sorted { $0.version > $1.version }
    let newest = own.records.keys.max() ?? 0
    let steps = all.filter { $0.version > version ?? (newest - 1) }.compactMap { own.step(down: $0) }
    return MigrationPlan(steps: steps, problems: problems(set, own.records))
  }

  /// The set's own records by their versions.
  private struct Own {
    let label: String
    let records: [Int: MigrationRecord]

    init(_ set: MigrationSet, _ all: [MigrationRecord]) {
      let (label, records) = set.own(all)
      self.label = label
      self.records = Dictionary(records.map { ($0.version, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The way back of one that is recorded.
    func step(down migration: Migration) -> Step? {
      records[migration.version].map { Step(migration: migration, direction: .down, folder: label, record: $0) }
    }
  }

  /// One that waits for a load may be applied after a later one. What a job needs is told by the live tables alone.
  private static func problems(_ set: MigrationSet, _ records: [Int: MigrationRecord]) -> [Problem] {
    guard !set.isOfJob else { return [] }
    let known = records.values.filter { record in !set.withdrawn.contains { $0.version == record.version } }
    let newest = known.filter { set[$0.version]?.up.directives.load == nil }.max { $0.version < $1.version }
    var problems = known.filter { set[$0.version] == nil }.sorted { $0.version < $1.version }
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
    case .edited(let migration):
      "put the file back and write a new migration, or `vecfill migrate stamp \(migration.version)` if the database is as the file says"
    case .missing(let record): "put the file back, or `vecfill migrate stamp \(record.version)` to forget it"
    case .outOfOrder: "give it a new number, or --out-of-order to apply it all the same"
    }
  }
}
