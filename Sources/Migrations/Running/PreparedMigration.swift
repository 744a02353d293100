import Backfill

/// A migration with what is to be done of it, decided by how the database stands.
package struct PreparedMigration: Sendable {
  package struct Step: Sendable {
    package let statement: SQLStatement
    package let change: SchemaChange?
    package let runs: Bool
    /// An invalid index that goes first.
    package let isRebuild: Bool
    /// What is recorded of it; on the way back nothing is.
    package let outcome: Outcome
    /// What a person is told where it isn't simply run.
    package let note: String?

    fileprivate init(_ statement: SQLStatement, _ decision: Decision) {
      self.statement = statement
      change = SchemaChange(statement)
      switch decision {
      case .run(let rebuild, let note):
        (runs, isRebuild, outcome, self.note) = (true, rebuild, .done, note)
      case .left(let outcome, let note):
        (runs, isRebuild, self.outcome, self.note) = (false, false, outcome, note)
      }
    }
  }

  package let migration: Migration
  /// The label that its record is kept under.
  package let folder: String
  package let direction: Direction
  package let script: MigrationScript
  package let steps: [Step]

  /// Decides for each statement of an up script; `presences` holds one for each, nil where it is always run.
  ///
  /// What was begun before and is there now counts as done by that attempt. Throws a `Failure` where something else is in
  /// a statement's place.
  package init(
    up migration: Migration, of folder: String, record: MigrationRecord?, presences: [Presence?]
  ) throws(Failure) {
    self.migration = migration
    self.folder = folder
    direction = .up
    script = migration.up
    var steps: [Step] = []
    for (index, statement) in script.statements.enumerated() {
      let earlier = record.flatMap { $0.outcomes.indices.contains(index) ? $0.outcomes[index] : nil }
      if record?.state == .applied, let earlier, earlier != .absent {
        steps.append(Step(statement, .left(earlier)))
      } else if let change = SchemaChange(statement), let presence = presences[index] {
        let decision = try Self.decide(change, presence, begun: record != nil && earlier == .done, script)
        steps.append(Step(statement, decision))
      } else {
        steps.append(Step(statement, .run()))
      }
    }
    self.steps = steps
  }

  /// Decides for each statement of a down script: what the way up left as it was is left as it is.
  package init(
    down migration: Migration, record: MigrationRecord, presences: [Presence?]
  ) throws(Failure) {
    guard let down = migration.down else {
      throw Failure(
        .configuration, migration.description, "it has no down.sql", remedy: "write it, or undo it by a new migration")
    }
    self.migration = migration
    folder = record.folder
    direction = .down
    script = down
    var outcomes: [SchemaChange.Object: Outcome] = [:]
    for (statement, outcome) in zip(migration.up.statements, record.outcomes) {
      if let change = SchemaChange(statement) { outcomes[change.object] = outcome }
    }
    var steps: [Step] = []
    for (statement, presence) in zip(down.statements, presences) {
      guard let change = SchemaChange(statement), let presence else {
        steps.append(Step(statement, .run()))
        continue
      }
      switch outcomes[change.object] {
      // What a withdrawn one found done, another had done for it.
      case .found where !migration.isWithdrawn:
        steps.append(Step(statement, .left(.found, "\(change.object) is left as it was found")))
      case .absent: steps.append(Step(statement, .left(.absent)))
      case .done, .found, nil: steps.append(Step(statement, try Self.decide(change, presence, begun: true, down)))
      }
    }
    self.steps = steps
  }

  fileprivate enum Decision {
    case run(rebuild: Bool = false, note: String? = nil)
    case left(Outcome, String? = nil)
  }

  fileprivate static func decide(
    _ change: SchemaChange, _ presence: Presence, begun: Bool, _ script: MigrationScript
  ) throws(Failure) -> Decision {
    switch (change, presence) {
    case (.addColumn, .noTable), (.createIndex, .noTable), (.createTrigger, .noTable):
      guard script.directives.hasOptionalTables, let table = change.table else { return .run() }
      return .left(.absent, "\(table) does not exist: left for later")
    case (.addColumn, .absent), (.createIndex, .absent), (.createExtension, .absent), (.createFunction, .absent),
      (.createTrigger, .absent):
      return .run()
    case (.createFunction, .invalid), (.createTrigger, .invalid):
      return .run(rebuild: true, note: "\(change.object) is there in another form: made anew")
    case (.createIndex(let index), .invalid):
      return .run(rebuild: true, note: "index \(index.name) is invalid, as a build that died leaves it: rebuilt")
    case (.addColumn, .present), (.createIndex, .present), (.createExtension, .present), (.createFunction, .present),
      (.createTrigger, .present):
      if begun { return .left(.done) }
      if case .present(let note?) = presence { return .left(.found, "\(change.object): \(note)") }
      return .left(.found, "\(change.object) is there already")
    case (_, .different(let description)):
      throw Failure(
        .configuration, script.file, "\(change.object) is to be made, and \(description)",
        remedy: script.file.hasPrefix("job ")
          ? "rename it or drop it where it is another's or a renamed column's, then run the same command again"
          : "for other tables or dimensions than the original application's, `vecfill migrate up JOB` with the job's spec "
            + "makes what fits; else change the migration or the database")
    case (.dropColumn, .absent), (.dropColumn, .noTable), (.dropIndex, .absent), (.dropExtension, .absent),
      (.dropFunction, .absent), (.dropTrigger, .absent), (.dropTrigger, .noTable):
      return begun ? .left(.done) : .left(.found, "\(change.object) is gone already")
    default:
      return .run()
    }
  }
}

extension PreparedMigration {
  /// What is recorded once it is done; nil where nothing is left of it.
  package var record: MigrationRecord? {
    direction == .up ? MigrationRecord(migration, of: folder, state: .applied, outcomes: steps.map(\.outcome)) : nil
  }

  /// What is recorded before a statement that can't be transactional.
  package func intent(after record: MigrationRecord?) -> MigrationRecord {
    MigrationRecord(
      migration, of: folder, state: direction == .up ? .started : .reverting,
      outcomes: direction == .up ? steps.map(\.outcome) : record?.outcomes ?? [])
  }
}
