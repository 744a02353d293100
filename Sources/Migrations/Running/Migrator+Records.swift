import Backfill

extension Migrator {
  /// A line of `migrate status`.
  package struct Line: Sendable {
    package let name: String
    package let version: Int
    package let state: String
    package let at: String?
  }

  /// How every migration of the set stands, and what else is recorded of it, in the order of the versions.
  package func status() async throws -> [Line] {
    let all = try await database.records()
    let records = set.own(all).records
    let problems = MigrationPlan.up(set, all).problems
    var lines: [Line] = []
    for migration in set.migrations {
      let record = records.first { $0.version == migration.version }
      let state: String =
        if problems.contains(.edited(migration)) {
          "edited"
        } else if let record {
          record.state == .applied ? applied(record) : "interrupted"
        } else if problems.contains(where: { $0.isOutOfOrder(migration) }) {
          "out of order"
        } else {
          try await waiting(migration).map { "waits for the load: \($0)" } ?? "pending"
        }
      lines.append(Line(name: "\(migration)", version: migration.version, state: state, at: record?.changedAt))
    }
    lines += records.filter { set[$0.version] == nil }.map { record in
      Line(name: "\(record)", version: record.version, state: gone(record), at: record.changedAt)
    }
    return lines.sorted { $0.version < $1.version }
  }

  private func applied(_ record: MigrationRecord) -> String {
    if record.outcomes.contains(.absent) { return "partly applied: a table does not exist yet" }
    return record.outcomes.allSatisfy { $0 == .found } ? "applied: was there already" : "applied"
  }

  private func gone(_ record: MigrationRecord) -> String {
    if set.withdrawn.contains(where: { $0.version == record.version }) {
      return "withdrawn: `vecfill migrate up` removes what it made"
    }
    return set.isOfJob ? "no longer in the job" : "its file is missing"
  }

  /// What of the applied migrations is not so in the live database, a sentence each; empty where all is well.
  package func verify() async throws -> [String] {
    let all = try await database.records()
    let records = set.own(all).records
    var findings = MigrationPlan.up(set, all).problems.map(\.description)
    findings += records.filter { record in set.withdrawn.contains { $0.version == record.version } }.map {
      "\($0) is withdrawn: `vecfill migrate up` removes what it made"
    }
    findings += records.filter { $0.state != .applied }.map { "\($0) was interrupted: run `vecfill migrate up`" }
    findings += try await complaints(records)
    return findings + (try await database.droppedIndexes())
  }

  /// What of `records` is not so in the live database.
  ///
  /// Only the last word on each object counts: a later migration may have removed what an earlier one made.
  private func complaints(_ records: [MigrationRecord]) async throws -> [String] {
    var last: [SchemaChange.Object: (Migration, SchemaChange, Outcome)] = [:]
    for migration in set.migrations {
      guard let record = records.first(where: { $0.version == migration.version }), record.state == .applied else {
        continue
      }
      for (statement, outcome) in zip(migration.up.statements, record.outcomes) {
        if let change = SchemaChange(statement) { last[change.object] = (migration, change, outcome) }
      }
    }
    var complaints: [String] = []
    for (migration, change, outcome) in last.values.sorted(by: { $0.0.version < $1.0.version }) where outcome != .absent
    {
      let presence = try await database.presence(of: change)
      if let complaint = change.complaint(presence) { complaints.append("\(migration): \(change.object) \(complaint)") }
    }
    return complaints
  }

  /// Records `version` and every one before it as applied and found, without running anything, files that were edited
  /// among them, and forgets those up to it whose files are gone; returns a sentence for each. What waits for a load and
  /// is not there is left to the load.
  ///
  /// Throws a `Failure` with `.configuration`, and records nothing, where the live database isn't as they would leave it.
  package func stamp(to version: Int) async throws -> [String] {
    try await database.exclusively(patience: lockWait) {
      let all = try await database.records()
      let (label, records) = set.own(all)
      try require(version, among: all)
      var stamped: [MigrationRecord] = []
      var left: [String] = []
      for migration in set.migrations where migration.version <= version {
        let before = records.first { $0.version == migration.version }
        if let before, before.state == .applied, before.checksum == migration.checksum || set.isOfJob { continue }
        if before == nil, let reason = try await waiting(migration), try await isYetToBeMade(migration) {
          left.append("\(migration): not recorded, it waits for the load: \(reason)")
          continue
        }
        stamped.append(
          MigrationRecord(
            migration, of: label, state: .applied, outcomes: try await outcomes(of: migration, before)))
      }
      // Those that were recorded before have the last word on what they removed.
      let kept = records.filter { record in !stamped.contains { $0.version == record.version } }
      let wrong = try await complaints(kept + stamped)
      guard wrong.isEmpty || stamped.isEmpty else {
        throw Failure(
          .configuration, "version \(version)",
          "the database is not as the migrations would leave it: \(wrong.joined(separator: "; "))",
          remedy: "make it so or change the migration; nothing was recorded")
      }
      for record in stamped { try await database.record(record, as: .stamp) }
      let gone = records.filter { record in
        record.version <= version && set[record.version] == nil
          && !set.withdrawn.contains { $0.version == record.version }
      }
      for record in gone { try await database.forget(record) }
      return stamped.map { "\($0): recorded as applied" } + gone.map { "\($0): forgotten" } + left
    }
  }

  /// Whether nothing of what a migration makes is there.
  private func isYetToBeMade(_ migration: Migration) async throws -> Bool {
    for change in migration.up.statements.compactMap(SchemaChange.init) {
      guard try await database.presence(of: change) == .absent else { return false }
    }
    return true
  }

  /// What is recorded of a migration that isn't run: its changes count as found, unless an earlier version of it made
  /// them, and those of a table that is yet to come as absent.
  private func outcomes(of migration: Migration, _ before: MigrationRecord?) async throws -> [Outcome] {
    var outcomes: [Outcome] = []
    for (index, statement) in migration.up.statements.enumerated() {
      if let before, before.outcomes.indices.contains(index) {
        outcomes.append(before.outcomes[index])
        continue
      }
      let change = SchemaChange(statement)
      let isForLater: Bool =
        if migration.up.directives.hasOptionalTables, let change {
          try await database.presence(of: change) == .noTable
        } else {
          false
        }
      outcomes.append(isForLater ? .absent : .found)
    }
    return outcomes
  }
}

extension SchemaChange {
  fileprivate var makes: Bool {
    switch self {
    case .addColumn, .createIndex, .createExtension, .createFunction, .createTrigger: true
    case .dropColumn, .dropIndex, .dropExtension, .dropFunction, .dropTrigger: false
    }
  }

  /// What is wrong where the change counts as done; nil where nothing is.
  fileprivate func complaint(_ presence: Presence) -> String? {
    switch presence {
    case .absent, .noTable: makes ? "is missing" : nil
    case .present: makes ? nil : "exists again"
    case .invalid:
      switch self {
      case .createFunction, .createTrigger: "is switched off or another: `vecfill migrate up JOB` makes it anew"
      default: makes ? "is invalid: drop it, and build it anew" : nil
      }
    case .different(let description): makes ? "is another: \(description)" : nil
    }
  }
}

extension MigrationPlan.Problem {
  fileprivate func isOutOfOrder(_ migration: Migration) -> Bool {
    if case .outOfOrder(migration, after: _) = self { return true }
    return false
  }
}
