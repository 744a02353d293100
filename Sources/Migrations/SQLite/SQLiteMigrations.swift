import Backfill
import Foundation
import GRDB
import MessageStores
import PgVector
import Postgres

/// Migrations on SQLite: each is one immediate transaction, which is the lock on migrating, too.
package final class SQLiteMigrations: MigrationDatabase {
  package let dialect = Dialect.sqlite
  package let identity: String
  private let path: String
  private let applicationName: String
  private let queue: DatabaseQueue
  /// To be let go only once the queue is closed.
  private let locks = Locked<[SQLiteFillLock]>([])

  /// Opens the file at `path`, which must exist; throws a `Failure`.
  ///
  /// `prepare` is given each connection before its first use.
  package init(
    path: String, identity: String, applicationName: String, prepare: (@Sendable (Database) throws -> Void)? = nil
  ) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(.configuration, path, "there is no such file", remedy: "check DATABASE_URL")
    }
    self.path = path
    self.identity = identity
    self.applicationName = applicationName
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    configuration.foreignKeysEnabled = false
    // As SQLite's own default: what else is in the file may rely on it.
    configuration.acceptsDoubleQuotedStringLiterals = true
    configuration.label = "vecfill.migrate"
    if let prepare { configuration.prepareDatabase(prepare) }
    do {
      queue = try DatabaseQueue(path: path, configuration: configuration)
    } catch {
      throw Self.failure(error, path)
    }
  }

  package func close() async {
    // What fails to close here is closed by the queue's end.
    try? queue.close()
    locks.withLock { $0 = [] }
  }

  package func claim(_ columns: [DroppedColumn]) async throws {
    let path = path
    let taken = try await work { db in
      try columns.compactMap { column in
        try SQLiteFillLock(on: path, of: Source(table: column.table.name, vector: column.column), in: db)
      }
    }
    locks.withLock { $0 += taken }
  }

  package func records() async throws -> [MigrationRecord] {
    try await work { try SQLiteRecords.all($0) }
  }

  package func history() async throws -> [HistoryEntry] {
    try await work { try SQLiteRecords.history($0) }
  }

  package func presence(of change: SchemaChange) async throws -> Presence {
    try await work { try SQLiteCatalog.presence(of: change, $0) }
  }

  /// None: no load drops one on SQLite.
  package func droppedIndexes() async throws -> [String] { [] }

  package func check(_ script: MigrationScript) async throws -> [String] { [] }

  /// SQLite drops no column while anything else in the file, as a view, is broken.
  package func rehearse(_ prepared: [PreparedMigration]) async throws {
    let statements = prepared.flatMap { $0.steps.filter(\.runs).map(\.statement.text) }
    guard !statements.isEmpty else { return }
    let path = path
    try await work { db in
      try db.inTransaction(.immediate) {
        do {
          for statement in statements { try db.execute(sql: statement) }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
          throw Failure(
            .configuration, path, Self.told(of: error),
            remedy: "nothing was changed; mend or drop that, then run the same command again")
        }
        return .rollback
      }
    }
  }

  package func exclusively<Value: Sendable>(
    patience: Duration, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    try await work { db in
      guard try !SQLiteRecords.areReady(db) else { return }
      try db.inTransaction(.immediate) {
        try SQLiteRecords.prepare(db)
        return .commit
      }
    }
    return try await body()
  }

  /// Does nothing where another process did it meanwhile.
  package func run(_ prepared: PreparedMigration, after before: MigrationRecord?) async throws {
    let migration = prepared.migration
    let applicationName = applicationName
    let finish: @Sendable (Database) throws -> Void = { db in
      if let record = prepared.record {
        try SQLiteRecords.write(record, db)
      } else {
        try SQLiteRecords.forget(migration.version, of: prepared.folder, db)
      }
      try SQLiteRecords.append(
        prepared.direction == .up ? .up : .down, of: prepared.folder, version: migration.version, name: migration.name,
        by: applicationName, db)
    }
    let statements = prepared.steps.filter(\.runs).flatMap { step in
      [step.isRebuild ? step.change?.removal(in: .sqlite) : nil, step.statement.text].compactMap(\.self)
    }
    guard prepared.script.directives.isTransactional else {
      let intent = prepared.intent(after: before)
      try await work { db in
        try SQLiteRecords.write(intent, db)
        for statement in statements { try db.execute(sql: statement) }
        try db.inTransaction(.immediate) {
          try finish(db)
          return .commit
        }
      }
      return
    }
    try await work { db in
      try db.inTransaction(.immediate) {
        let record = try SQLiteRecords.all(db).first {
          $0.version == migration.version && $0.folder == prepared.folder
        }
        guard record == before else {
          return .rollback
        }
        for statement in statements { try db.execute(sql: statement) }
        try finish(db)
        return .commit
      }
    }
  }

  package func record(_ record: MigrationRecord, as action: HistoryEntry.Action) async throws {
    let applicationName = applicationName
    try await work { db in
      try db.inTransaction(.immediate) {
        try SQLiteRecords.write(record, db)
        try SQLiteRecords.append(
          action, of: record.folder, version: record.version, name: record.name, by: applicationName, db)
        return .commit
      }
    }
  }

  package func forget(_ record: MigrationRecord) async throws {
    let applicationName = applicationName
    try await work { db in
      try db.inTransaction(.immediate) {
        try SQLiteRecords.forget(record.version, of: record.folder, db)
        try SQLiteRecords.append(
          .forget, of: record.folder, version: record.version, name: record.name, by: applicationName, db)
        return .commit
      }
    }
  }

  package func table(of source: Source) async throws -> JobTable {
    try await work { try JobTable(source, $0) }
  }

  func work<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    do {
      return try await queue.writeWithoutTransaction(body)
    } catch {
      throw Self.failure(error, path)
    }
  }

  private static func failure(_ error: any Error, _ path: String) -> any Error {
    guard let error = error as? DatabaseError else { return error }
    let reason = "\(told(of: error)) (error \(error.extendedResultCode.rawValue))"
    let isBusy = error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED
    return Failure(
      isBusy ? .unavailable : .configuration, path, reason,
      remedy: isBusy
        ? "another process holds a transaction open: end it and run the same command again"
        : "what was done is recorded; run the same command again once that is mended")
  }

  /// SQLite's own message where it names objects of the schema. Once rows are looked at, a function or a trigger may quote
  /// them (P10).
  private static func told(of error: DatabaseError) -> String {
    guard let message = error.message else { return "SQLite error" }
    let mayQuote =
      error.extendedResultCode == .SQLITE_CONSTRAINT_TRIGGER
      || error.resultCode == .SQLITE_ERROR && error.arguments != nil && !message.hasPrefix("error in ")
    return mayQuote ? "SQLite refused a value in a trigger or a function" : message
  }
}
