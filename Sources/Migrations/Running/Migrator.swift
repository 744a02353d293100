import Backfill

/// Runs a set of migrations on a database, and compares the two.
package struct Migrator: Sendable {
  package let database: any MigrationDatabase
  package let set: MigrationSet
  /// How long another process's migrating is waited for.
  package var lockWait: Duration
  /// How many rows of a column are known to get no vector.
  package var quarantined: @Sendable (MigrationScript.LoadedColumn) async throws -> Int = { _ in 0 }
  /// How many rows of a column have a vector that is paid for, not yet written, and lost with the column.
  package var unwritten: @Sendable (DroppedColumn) async throws -> Int = { _ in 0 }
  private let tell: @Sendable (String) -> Void

  /// `tell` takes a line for a person, as things happen.
  package init(
    _ database: any MigrationDatabase, _ set: MigrationSet, lockWait: Duration = .seconds(60),
    tell: @escaping @Sendable (String) -> Void
  ) {
    self.database = database
    self.set = set
    self.lockWait = lockWait
    self.tell = tell
  }

  /// What `up` is asked for.
  package struct UpOptions: Sendable {
    /// The last version to apply; nil for all.
    package var version: Int?
    /// Also those that wait for a load.
    package var beforeLoad = false
    /// Also those that are pending before an applied one.
    package var outOfOrder = false

    package init(version: Int? = nil, beforeLoad: Bool = false, outOfOrder: Bool = false) {
      self.version = version
      self.beforeLoad = beforeLoad
      self.outOfOrder = outOfOrder
    }
  }

  /// Applies what is pending, finishes what was interrupted, and returns the migrations that it ran.
  ///
  /// Throws a `Failure` with `.configuration` where the files don't fit the records. What waits for a load is told and left.
  package func up(_ options: UpOptions = UpOptions()) async throws -> [Migration] {
    try await database.exclusively(patience: lockWait) {
      let plan = try await plan(to: options.version)
      try refuse(plan.problems, but: options.outOfOrder)
      var applied: [Migration] = []
      for step in plan.steps {
        if !options.beforeLoad, step.direction == .up, let waiting = try await waiting(step.migration) {
          tell("\(step.migration): waits for the load: \(waiting)")
        } else if try await apply(step) {
          applied.append(step.migration)
        }
      }
      return applied
    }
  }

  /// Reverts those above `version`, or only the newest without one, and returns the migrations that it reverted.
  ///
  /// Throws a `Failure` with `.locked` while a run fills what would be dropped, and with `.unavailable` where by now more
  /// would be lost than `accepted`, if that is given.
  package func down(to version: Int?, losing accepted: [Loss]? = nil) async throws -> [Migration] {
    try await database.exclusively(patience: lockWait) {
      let plan = try await downPlan(to: version)
      try refuse(plan.problems, but: true)
      let prepared = try await prepare(plan)
      try await database.claim(try await dropped(by: prepared))
      if let accepted,
        let more = try await losses(of: prepared).first(where: { loss in
          !accepted.contains(where: loss.isWithin)
        })
      {
        throw Failure(
          .unavailable, "\(more.table).\(more.column)", "more would be lost now than you confirmed",
          remedy: "run the same command again")
      }
      try await database.rehearse(prepared)
      for step in plan.steps { _ = try await apply(step) }
      return plan.steps.map(\.migration)
    }
  }

  /// What `up` would run now. Of a job's own migrations those are in it, too, of which what they made is gone.
  ///
  /// Throws a `Failure` with `.usage` for a version that doesn't exist.
  package func plan(to version: Int? = nil) async throws -> MigrationPlan {
    let records = try await database.records()
    if let version { try require(version, among: records) }
    var lost: Set<Int> = []
    if set.isOfJob {
      for record in set.own(records).records where record.state == .applied {
        guard let migration = set[record.version] else { continue }
        for change in migration.up.statements.compactMap(SchemaChange.init) {
          let presence = try await database.presence(of: change)
          if presence == .absent || presence == .invalid { lost.insert(record.version) }
        }
      }
    }
    return MigrationPlan.up(set, records, to: version, lost: lost)
  }

  /// What `down` would run now; 0 keeps none. Throws a `Failure` with `.usage` for a version that doesn't exist.
  package func downPlan(to version: Int? = nil) async throws -> MigrationPlan {
    let records = try await database.records()
    if let version, version != 0 { try require(version, among: records) }
    return MigrationPlan.down(set, records, to: version)
  }

  func prepare(_ plan: MigrationPlan) async throws -> [PreparedMigration] {
    var prepared: [PreparedMigration] = []
    for step in plan.steps { prepared.append(try await prepare(step)) }
    return prepared
  }

  /// Throws a `Failure` with `.usage` where neither the set nor its records have that version.
  func require(_ version: Int, among records: [MigrationRecord]) throws(Failure) {
    let isKnown =
      set[version] != nil || set.withdrawn.contains { $0.version == version }
      || set.own(records).records.contains { $0.version == version }
    guard !isKnown else { return }
    throw Failure(
      .usage, "version \(version)", "there is no such migration in \(set.folder)",
      remedy: "`vecfill migrate status` lists them")
  }

  private func refuse(_ problems: [MigrationPlan.Problem], but outOfOrder: Bool) throws(Failure) {
    let refused = problems.filter { problem in
      if case .outOfOrder = problem { return !outOfOrder }
      return true
    }
    guard let first = refused.first else { return }
    throw Failure(
      .configuration, "migrations", refused.map(\.description).joined(separator: "; "), remedy: first.remedy)
  }

  /// Why a migration waits; nil for one that doesn't. Rows that get no vector keep nothing waiting.
  package func waiting(_ migration: Migration) async throws -> String? {
    guard let column = migration.up.directives.load else { return nil }
    guard var load = try await database.load(of: column) else {
      return migration.up.directives.hasOptionalTables ? "\(column.table).\(column.column) does not exist yet" : nil
    }
    load.missing = max(0, load.missing - (try await quarantined(column)))
    guard !load.isDone else { return nil }
    let lack = load.missing == 1 ? "lacks" : "lack"
    return "\(load.missing.grouped) of \(load.rows.of("row")) of \(column.table) \(lack) \(column.column)"
  }

  /// What each step of `plan` would do, in their order, and why it would wait for a load.
  package func outlook(of plan: MigrationPlan) async throws -> [(prepared: PreparedMigration, waiting: String?)] {
    var outlook: [(prepared: PreparedMigration, waiting: String?)] = []
    for step in plan.steps {
      let prepared = try await prepare(step)
      var waiting: String?
      if step.direction == .up {
        let made = outlook.flatMap(\.prepared.steps).filter(\.runs).compactMap { $0.change?.object }
        waiting = try await self.waiting(step.migration, forColumnsAmong: made)
      }
      outlook.append((prepared, waiting))
    }
    return outlook
  }

  /// As `waiting`, also of a column that is among what is to be `made` first.
  private func waiting(
    _ migration: Migration, forColumnsAmong made: [SchemaChange.Object]
  ) async throws -> String? {
    guard let column = migration.up.directives.load,
      made.contains(.column(table: column.table, column: column.column))
    else { return try await waiting(migration) }
    return try await database.hasRows(toFill: column) ? "the rows of \(column.table) lack \(column.column)" : nil
  }

  /// Runs one step; false where nothing was left to do.
  private func apply(_ step: MigrationPlan.Step) async throws -> Bool {
    let prepared = try await prepare(step)
    if let before = step.record, !step.isLost, prepared.record == before.unstamped { return false }
    for warning in try await database.check(prepared.script) { tell("\(step.migration): warning: \(warning)") }
    for note in prepared.steps.compactMap(\.note) { tell("\(step.migration): \(note)") }
    let started = ContinuousClock.now
    try await database.run(prepared, after: step.record)
    let done = step.direction == .up ? "applied" : step.migration.isWithdrawn ? "removed" : "reverted"
    tell("\(step.migration): \(done) in \(started.duration(to: .now).brief)")
    return true
  }

  /// Decides what a step does by how the database stands; it changes nothing.
  package func prepare(_ step: MigrationPlan.Step) async throws -> PreparedMigration {
    switch step.direction {
    case .up:
      return try PreparedMigration(
        up: step.migration, of: step.folder, record: step.isLost ? nil : step.record,
        presences: try await presences(of: step.migration.up))
    case .down:
      guard let record = step.record else {
        throw Failure(.configuration, "\(step.migration)", "it is not applied")
      }
      let presences = try await presences(of: step.migration.down)
      return try PreparedMigration(down: step.migration, record: record, presences: presences)
    }
  }

  /// How each statement's change stands; nil for what can't be told before those ahead of it have run.
  private func presences(of script: MigrationScript?) async throws -> [Presence?] {
    var objects: Set<SchemaChange.Object> = []
    var isKnown = true
    var presences: [Presence?] = []
    for statement in script?.statements ?? [] {
      guard let change = SchemaChange(statement) else {
        isKnown = false
        presences.append(nil)
        continue
      }
      let isFirst = objects.insert(change.object).inserted
      presences.append(isKnown && isFirst ? try await database.presence(of: change) : nil)
    }
    return presences
  }
}

extension MigrationRecord {
  /// Without its time: what decides.
  fileprivate var unstamped: MigrationRecord {
    var record = self
    record.changedAt = nil
    return record
  }
}
