import Backfill
import Foundation
import GRDB
import Postgres

/// Messages in a SQLite file that another application may have open.
///
/// The file's journal mode and settings are left as they are; another's write is waited for, up to 10 s. A value of the
/// text column that is not valid UTF-8 comes as nil, like NULL: no text could stand for its very bytes.
package actor SQLiteMessageStore: MessageStore {
  package nonisolated let identity: String
  private let path: String
  private let queue: DatabaseQueue
  private var tables: [Source: SQLiteTable] = [:]

  /// Opens the file that `url` names; it is never created.
  package init(url: DatabaseURL, for access: StoreAccess = .filling) throws {
    guard case .sqlite(let path) = url.engine else {
      throw DatabaseURL.refusal("it is not a SQLite URL", "use sqlite:///relative.db or sqlite:////absolute.db")
    }
    identity = url.identity
    self.path = path
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(.configuration, path, "there is no such file", remedy: "check the path in DATABASE_URL")
    }
    guard access == .reading || FileManager.default.isWritableFile(atPath: path) else {
      throw Failure(.denied, path, "the file can't be written", remedy: "give this user the right to write it")
    }
    var configuration = GRDB.Configuration()
    configuration.readonly = access == .reading
    configuration.busyMode = .timeout(10)
    configuration.foreignKeysEnabled = false
    configuration.prepareDatabase { database in
      database.add(
        function: DatabaseFunction(SQLiteTable.digestFunction, argumentCount: 1, pure: true) { arguments in
          guard let text = Data.fromDatabaseValue(arguments[0]) else { return nil }
          return Data(text.withUnsafeBytes { TextDigest(ofUTF8: $0).bytes })
        })
    }
    do {
      queue = try DatabaseQueue(path: path, configuration: configuration)
    } catch let error as DatabaseError {
      throw error.failure(path)
    }
  }

  package func inspect(_ source: Source, dimensions: Int, for access: StoreAccess) async throws -> SourceShape {
    let table = try await read(source) { try SQLiteInspection.table(of: source, dimensions: dimensions, in: $0) }
    tables[source] = table
    return table.shape
  }

  package func lastKey(of source: Source) async throws -> RowKey? {
    let table = try await table(of: source)
    return try await read(source) { database in
      try Row.fetchOne(database, sql: table.lastKey).map { try Self.key($0[0], of: table) }
    }
  }

  package func page(of source: Source, _ request: PageRequest) async throws -> MessagePage {
    let table = try await table(of: source)
    let arguments = StatementArguments(
      (request.after.map { [$0.databaseValue] } ?? []) + [request.limit.databaseValue])
    return try await read(source) { database in
      var messages: [Message] = []
      var bytes = 0
      let rows = try Row.fetchCursor(
        database, sql: table.page(behindKey: request.after != nil, sample: request.sample), arguments: arguments)
      while bytes < Self.pageBytes, let row = try rows.next() {
        let text = try row.withUnsafeData(atIndex: 1) { data in
          bytes += data?.count ?? 0
          return data.flatMap { String(validating: $0, as: UTF8.self) }
        }
        messages.append(Message(key: try Self.key(row[0], of: table), text: text))
      }
      return MessagePage(messages, continuesAfter: messages.last?.key)
    }
  }

  package func countRemaining(in source: Source) async throws -> Int {
    let table = try await table(of: source)
    return try await read(source) { try Int.fetchOne($0, sql: table.countRemaining) ?? 0 }
  }

  package func write(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    guard !rows.isEmpty else { return WriteOutcome() }
    let table = try await table(of: source)
    let dimensions = table.dimensions ?? rows[0].vector.count
    for row in rows {
      try row.vector.check(dimensions: dimensions, of: "\(source.name) \(source.key) \(row.key)")
    }
    // Encoded beforehand: the application can't write while the transaction lasts.
    let vectors = rows.map { table.vectorFormat.value(of: $0.vector) }
    return try await reporting(source) {
      try await self.queue.writeWithoutTransaction { database in
        var outcome = WriteOutcome()
        try database.inTransaction(.immediate) {
          let statement = try database.cachedStatement(sql: table.update)
          for (row, vector) in zip(rows, vectors) {
            try statement.execute(arguments: [vector, row.key.databaseValue, Data(row.digest.bytes)])
            if database.changesCount == 1 { outcome.written.insert(row.key) }
          }
          return .commit
        }
        return outcome
      }
    }
  }

  package func nearest(to vector: [Float], in source: Source, limit: Int) async throws -> [Neighbour] {
    let table = try await table(of: source)
    try vector[...].check(dimensions: table.dimensions, of: source.name)
    return try await read(source) { database in
      var neighbours = NearestNeighbours(to: vector, limit: limit)
      let rows = try Row.fetchCursor(database, sql: table.vectors)
      while let row = try rows.next() {
        let stored = try row.withUnsafeData(atIndex: 1) { $0.flatMap { table.vectorFormat.vector($0) } }
        if let stored { neighbours.offer(stored, key: try Self.key(row[0], of: table)) }
      }
      return try neighbours.nearest.map { key, distance in
        let text = try Data.fetchOne(database, sql: table.textOfKey, arguments: [key.databaseValue])
        return Neighbour(key: key, text: String(decoding: text ?? Data(), as: UTF8.self), distance: distance)
      }
    }
  }

  /// Does nothing: SQLite has no lock that outlasts a transaction.
  package func lock(_ source: Source) async throws {}

  package func close() async {
    // What keeps it open is gone with the process at the latest; nothing is left to be written.
    try? queue.close()
  }
}

extension SQLiteMessageStore {
  private func table(of source: Source) async throws -> SQLiteTable {
    if let table = tables[source] { return table }
    let table = try await read(source) { try SQLiteInspection.table(of: source, dimensions: nil, in: $0) }
    tables[source] = table
    return table
  }

  private func read<Value: Sendable>(
    _ source: Source, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    try await reporting(source) { try await self.queue.read(body) }
  }

  private func reporting<Value>(_ source: Source, _ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as DatabaseError {
      if error.resultCode == .SQLITE_INTERRUPT, Task.isCancelled { throw CancellationError() }
      throw error.failure(source.name)
    }
  }

  private static func key(_ value: DatabaseValue, of table: SQLiteTable) throws -> RowKey {
    switch (value.storage, table.keyKind) {
    case (.int64(let integer), .integer):
      return .integer(integer)
    case (.blob(let bytes), .text):
      // A zero byte would end the key where it is bound.
      if let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) { return .text(text) }
      fallthrough
    default:
      throw Failure(
        .badData, "\(table.source.name).\(table.source.key)", "a key is no \(table.keyKind)",
        remedy: "mend the row, or leave it out by the job's condition")
    }
  }
}

extension RowKey {
  /// The key as SQLite stores it.
  fileprivate var databaseValue: DatabaseValue {
    switch self {
    case .integer(let value): value.databaseValue
    case .bytes(let value): Data(value).databaseValue
    case .uuid, .text, .composite: description.databaseValue
    }
  }
}
