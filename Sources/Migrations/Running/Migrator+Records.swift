import Backfill

extension Migrator {
  /// A line of `migrate status`.
  package struct Line: Sendable {
    package let name: String
    package let version: Int
    package let state: String
    package let at: String?
  }

  /// How every migration of the set and of the database stands, in the order of the versions.
  package func status() async throws -> [Line] {
    let records = try await database.records()
    let problems = MigrationPlan.up(set, records).problems
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
    lines += records.filter { set[$0.version] == nil }.map {
      Line(name: "\($0)", version: $0.version, state: "its file is missing", at: $0.changedAt)
    }
    return lines.sorted { $0.version < $1.version }
  }

  private func applied(_ record: MigrationRecord) -> String {
    if record.outcomes.contains(.absent) { return "partly applied: a table does not exist yet" }
    return record.outcomes.allSatisfy { $0 == .found } ? "applied: was there already" : "applied"
  }

  /// What of the applied migrations is not so in the live database, a sentence each; empty where all is well.
  package func verify() async throws -> [String] {
    let records = try await database.records()
    var findings = MigrationPlan.up(set, records).problems.map(\.description)
    findings += records.filter { $0.state != .applied }.map { "\($0) was interrupted: run `vecfill migrate up`" }
    // Only the last word on each object counts: a later migration may have removed what an earlier one made.
    var last: [SchemaChange.Object: (Migration, SchemaChange, Outcome)] = [:]
    for migration in set.migrations {
      guard let record = records.first(where: { $0.version == migration.version }), record.state == .applied else {
        continue
      }
      for (statement, outcome) in zip(migration.up.statements, record.outcomes) {
        if let change = SchemaChange(statement) { last[change.object] = (migration, change, outcome) }
      }
    }
    for (migration, change, outcome) in last.values.sorted(by: { $0.0.version < $1.0.version }) where outcome != .absent
    {
      let presence = try await database.presence(of: change)
      if let complaint = change.complaint(presence) { findings.append("\(migration): \(change.object) \(complaint)") }
    }
    return findings + (try await database.droppedIndexes())
  }

  /// Accepts edited files as what was applied and forgets versions whose files are missing; returns what it did.
  package func repair() async throws -> [String] {
    try await database.exclusively(patience: lockWait) {
      let records = try await database.records()
      var done: [String] = []
      for problem in MigrationPlan.up(set, records).problems {
        switch problem {
        case .edited(let migration):
          guard var record = records.first(where: { $0.version == migration.version }) else { continue }
          record.name = migration.name
          record.checksum = migration.checksum
          // Statements that were added count as found: nobody knows that vecfill made them.
          let missing = max(0, migration.up.statements.count - record.outcomes.count)
          record.outcomes =
            record.outcomes.prefix(migration.up.statements.count) + Array(repeating: .found, count: missing)
          try await database.record(record, version: record.version, name: record.name, as: .repair)
          done.append("\(migration): its file as it is now counts as applied")
        case .missing(let record):
          try await database.record(nil, version: record.version, name: record.name, as: .forget)
          done.append("\(record): forgotten")
        case .outOfOrder:
          continue
        }
      }
      return done
    }
  }

  /// Records `version` and every one before it as applied and found, without running anything; returns those it recorded.
  package func stamp(to version: Int) async throws -> [Migration] {
    guard set[version] != nil else {
      throw Failure(.usage, "version \(version)", "there is no such migration in \(set.folder)")
    }
    return try await database.exclusively(patience: lockWait) {
      let applied = Set(try await database.records().filter { $0.state == .applied }.map(\.version))
      let stamped = set.migrations.filter { $0.version <= version && !applied.contains($0.version) }
      for migration in stamped {
        let outcomes = migration.up.statements.map { _ in Outcome.found }
        let record = MigrationRecord(migration, state: .applied, outcomes: outcomes)
        try await database.record(record, version: migration.version, name: migration.name, as: .stamp)
      }
      return stamped
    }
  }
}

extension SchemaChange {
  fileprivate var makes: Bool {
    switch self {
    case .addColumn, .createIndex, .createExtension: true
    case .dropColumn, .dropIndex, .dropExtension: false
    }
  }

  /// What is wrong where the change counts as done; nil where nothing is.
  fileprivate func complaint(_ presence: Presence) -> String? {
    switch presence {
    case .absent, .noTable: makes ? "is missing" : nil
    case .present: makes ? nil : "is there again"
    case .invalid: makes ? "is invalid: drop it, and build it anew" : nil
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
