import Backfill
import Foundation
import GRDB

/// Looks at a SQLite file, opened for reading alone.
struct SQLiteSurveyor: DatabaseSurveyor {
  let identity: String
  private let path: String
  private let queue: DatabaseQueue
  private let patience = SQLitePatience(limit: .seconds(10))

  init(path: String, identity: String) async throws {
    self.identity = identity
    self.path = path
    queue = try await SQLiteOpening.open(path, for: .reading, patience: patience)
  }

  func server() async throws -> ServerSurvey {
    try await reading(path) { database in
      let version = try String.fetchOne(database, sql: "SELECT sqlite_version()") ?? ""
      let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode") ?? ""
      var survey = ServerSurvey(product: "SQLite \(version), journal mode \(mode)")
      let folder = (path as NSString).deletingLastPathComponent
      if !FileManager.default.isWritableFile(atPath: path) {
        survey.readOnly = "this user may not write the file"
      } else if !FileManager.default.isWritableFile(atPath: folder.isEmpty ? "." : folder) {
        survey.readOnly = "this user may not write its folder, where SQLite keeps its journal"
      }
      return survey
    }
  }

  func table(_ source: Source, dimensions: Int) async throws -> TableSurvey {
    try await reading(source.name) { database in
      let kind = try Row.fetchOne(
        database,
        sql: """
          SELECT type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AS is_table FROM sqlite_master
          WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')
          """, arguments: [source.table])
      guard let kind else { return TableSurvey(.missing) }
      guard kind["is_table"] == true else { return TableSurvey(.other) }
      var survey = TableSurvey(.table)
      try Self.look(at: source, into: &survey, in: database)
      do {
        let table = try SQLiteInspection.table(of: source, dimensions: dimensions, for: .filling, in: database)
        survey.hooks = table.hooks
        survey.missingRowsIndex = table.missingIndex
        survey.vectorWarning = table.vectorWarning
        survey.editWarnings = table.editWarnings
        survey.named = try table.named(in: database)
        survey.hasVectors =
          try Row.fetchOne(database, sql: table.filled, arguments: [FilledRow.mostTextBytes, 1]) != nil
      } catch let failure as Failure {
        survey.refusal = failure
      } catch let error as DatabaseError {
        survey.refusal = error.failure(source.name, patience: patience)
      }
      return survey
    }
  }

  /// The columns, the key, and what is recorded of the vector column.
  private static func look(at source: Source, into survey: inout TableSurvey, in database: Database) throws {
    let columns = try SQLiteColumn.all(of: source.table, in: database)
    do {
      survey.key = try SQLiteKeyInspection(source: source, database: database, columns: columns).key().name
    } catch let failure as Failure {
      survey.keyRefusal = failure
    }
    let read = try source.view == nil ? columns : SQLiteColumn.all(of: source.reading.table, in: database)
    for name in (source.text.columns ?? []) + [source.vector] {
      guard
        let column = (name == source.vector ? columns : read).first(where: { $0.name.folded == name.folded }
        )
      else { continue }
      survey.columns.append(TableSurvey.Column(name: name, type: column.type.isEmpty ? "no type" : column.type))
    }
    do {
      let record = try SQLiteColumnRecords(source: source, database: database).find()
      survey.identity = record?.column
      survey.record = TableSurvey.Record(fingerprint: record?.fingerprint)
    } catch let failure as Failure {
      survey.recordRefusal = failure
    }
  }

  func auditor(of source: Source) async throws -> any ColumnAuditor {
    let table = try await reading(source.name) {
      try SQLiteInspection.table(of: source, dimensions: nil, for: .verifying, in: $0)
    }
    return SQLiteColumnAuditor(table: table, queue: queue, patience: patience)
  }

  func close() async {
    // What keeps it open is gone with the process at the latest; nothing was written.
    try? queue.close()
  }

  private func reading<Value: Sendable>(
    _ subject: String, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    do {
      return try await queue.read(body)
    } catch let error as DatabaseError {
      if Task.isCancelled { throw CancellationError() }
      throw error.failure(subject, patience: patience)
    }
  }
}
