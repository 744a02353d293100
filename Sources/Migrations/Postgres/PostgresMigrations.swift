import Backfill
import PgVector
import Postgres

/// Migrations on PostgreSQL, safe while the application works.
package struct PostgresMigrations: MigrationDatabase {
  package let dialect = Dialect.postgres
  package let identity: String
  let pair: PostgresPair
  let patience: LockPatience
  let narrator: Narrator

  /// Connects to `url`; `narrator` reports where something is waited for or built.
  ///
  /// - Parameter schema: where its records are where the role's search path is empty; nil leaves it so.
  package static func connect(
    to url: DatabaseURL, applicationName: String, schema: String? = nil, patience: LockPatience = LockPatience(),
    narrator: Narrator
  ) async throws -> PostgresMigrations {
    let pair = try await PostgresPair.connect(to: url, applicationName: applicationName)
    if let schema { try await pair.prefer(schema) }
    return PostgresMigrations(identity: url.identity, pair: pair, patience: patience, narrator: narrator)
  }

  package func close() async { await pair.close() }

  package func records() async throws -> [MigrationRecord] {
    try await reading { try PostgresRecords.all(on: $0) }
  }

  package func history() async throws -> [HistoryEntry] {
    try await reading { try PostgresRecords.history(on: $0) }
  }

  package func presence(of change: SchemaChange) async throws -> Presence {
    try await reading { try PostgresCatalog.presence(of: change, on: $0) }
  }

  package func droppedIndexes() async throws -> [String] {
    let found = try await reading { try IndexIntents.everywhere(on: $0) }
    for warning in found.warnings { narrator.warn(warning) }
    return found.intents.map(\.description)
  }

  package func table(of source: Source) async throws -> JobTable {
    try await reading { try JobTable(source, on: $0) }
  }

  package func check(_ script: MigrationScript) async throws -> [String] {
    try await reading { try PostgresPreflight.check(script, on: $0) }
  }

  /// PostgreSQL refuses a change for what depends on it, and nothing else that is in the database.
  package func rehearse(_ prepared: [PreparedMigration]) {}

  package func record(_ record: MigrationRecord, as action: HistoryEntry.Action) async throws {
    try await writing(record.name) { connection in
      try PostgresRecords.write(record, on: connection)
      try PostgresRecords.append(
        action, of: record.folder, version: record.version, name: record.name, on: connection)
    }
  }

  package func forget(_ record: MigrationRecord) async throws {
    try await writing(record.name) { connection in
      try PostgresRecords.forget(record.version, of: record.folder, on: connection)
      try PostgresRecords.append(
        .forget, of: record.folder, version: record.version, name: record.name, on: connection)
    }
  }

  /// The errors of the connection that watches, as failures.
  func reading<Value: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    do {
      return try await pair.watcher.run(body)
    } catch let error as PostgresError {
      throw failure(error, identity)
    }
  }

  private func writing(
    _ subject: String, _ body: @escaping @Sendable (isolated PostgresConnection) throws -> Void
  ) async throws {
    let timeout = patience.timeout
    do {
      try await pair.patiently(patience, subject, tell: narrator.tell) { connection in
        try connection.transaction { connection in
          try connection.limitLocks(to: timeout)
          try body(connection)
        }
      }
    } catch let error as PostgresError {
      throw failure(error, subject)
    }
  }

  private func failure(_ error: PostgresError, _ subject: String) -> Failure {
    if error.sqlState == "22P05" {
      return Failure(
        .configuration, subject, "the job's name or SQL has a character that the database's encoding doesn't have",
        remedy: "write both in characters that it has; the name is the job file's, or `name` in it")
    }
    let remedy =
      switch error.sqlState {
      case "2BP01" where !error.isRaised:
        "\(error.detail ?? "others depend on it"): vecfill never drops with CASCADE, remove them first"
      case "3F000" where !error.isRaised:
        "name one in the role's search path, e.g. ALTER ROLE … SET search_path = public"
      case "25006" where !error.isRaised:
        "nothing can be written here: connect to the primary, or switch default_transaction_read_only off"
      case "42501":
        "run migrations as the tables' owner; for an extension, have a superuser run its CREATE EXTENSION once, then run this again"
      default: "what was done is recorded; run the same command again once that is mended"
      }
    let failure = error.failure(subject, remedy: remedy)
    // No row is looked at: a function that refuses is an event trigger's.
    return failure.exitCode == .badData && error.isRaised
      ? Failure(.configuration, subject, failure.reason, remedy: "look at the database's event triggers; \(remedy)")
      : failure
  }
}

extension PostgresMigrations {
  package func run(_ prepared: PreparedMigration, after before: MigrationRecord?) async throws {
    let subject = prepared.migration.description
    let version = prepared.migration.version
    let finish: @Sendable (isolated PostgresConnection) throws -> Void = { connection in
      if let record = prepared.record {
        try PostgresRecords.write(record, on: connection)
      } else {
        try PostgresRecords.forget(version, of: prepared.folder, on: connection)
      }
      try PostgresRecords.append(
        prepared.direction == .up ? .up : .down, of: prepared.folder, version: version, name: prepared.migration.name,
        on: connection)
    }
    if prepared.script.directives.isTransactional {
      let timeout = patience.timeout
      try await writing(subject) { connection in
        // The attempt's time counts from its first lock: what waits behind the first waits for the last too.
        let started = ContinuousClock.now
        try connection.addPgVectorToPath(isLocal: true)
        for step in prepared.steps where step.runs {
          try connection.limitLocks(to: timeout - started.duration(to: .now))
          if step.isRebuild, let removal = step.change?.removal(in: .postgres) { try connection.execute(removal) }
          try connection.execute(step.statement.text)
        }
        try finish(connection)
      }
      return
    }
    if let step = prepared.steps.first, step.runs {
      let intent = prepared.intent(after: before)
      try await writing(subject) { try PostgresRecords.write(intent, on: $0) }
      do {
        try await runAlone(step, subject)
      } catch let error as PostgresError {
        throw failure(error, subject)
      }
    }
    try await writing(subject, finish)
  }

  /// Runs a statement outside of any transaction.
  private func runAlone(_ step: PreparedMigration.Step, _ subject: String) async throws {
    defer { narrator.show("") }
    if case .createIndex(let index) = step.change, index.isConcurrent {
      try await IndexBuild(pair: pair, subject: subject, narrator: narrator).run(index)
    } else if step.statement.contains(word: "concurrently") {
      try await IndexBuild(pair: pair, subject: subject, narrator: narrator).waitingForTransactions(step.statement.text)
    } else {
      let timeout = patience.timeout
      try await pair.withPgVectorOnPath {
        try await pair.patiently(patience, subject, tell: narrator.tell) { connection in
          try connection.limitLocks(to: timeout, isLocal: false)
          try connection.execute(step.statement.text)
          try connection.limitLocks(to: .zero, isLocal: false)
        }
      }
    }
  }
}

extension PostgresMigrations {
  package func exclusively<Value: Sendable>(
    patience: Duration, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    do {
      return try await pair.exclusively(patience: patience) {
        try await pair.worker.run { try PostgresRecords.prepare(on: $0) }
        return try await body()
      }
    } catch let error as PostgresError {
      throw failure(error, identity)
    }
  }
}

extension PostgresConnection {
  /// Limits each following wait for a lock; zero is no limit.
  func limitLocks(to timeout: Duration, isLocal: Bool = true) throws {
    // What is left of an attempt is never so little that a free lock could be missed, nor none, which would be no limit.
    let milliseconds = timeout == .zero ? 0 : max(20, Int(timeout / .milliseconds(1)))
    try query("SELECT set_config('lock_timeout', $1, $2)", [.text("\(milliseconds)ms"), .text(isLocal ? "t" : "f")])
  }
}
