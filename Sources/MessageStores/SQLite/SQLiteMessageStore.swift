import Backfill
import Foundation
import GRDB
import Postgres

/// Messages in a SQLite file that another application may have open.
///
/// A lock that another process holds is waited for, for reading too, as long as `SQLitePatience` says. A cancelled task
/// ends its wait and its statement at once. The schema may change meanwhile: the table is then inspected again.
package actor SQLiteMessageStore: MessageStore {
  package nonisolated let identity: String
  /// One batch is turned into what the column takes while another is in its transaction.
  package nonisolated var mostWriters: Int { 2 }
  let queue: DatabaseQueue
  private let access: StoreAccess
  private let patience: SQLitePatience
  private let window: Int
  private let path: String
  var tables: [Source: SQLiteTable] = [:]
  /// The searches for edited rows that are to show that all are marked: the schema's number as each began.
  var searches: [Source: Int] = [:]
  private var locks: [Int64: SQLiteFillLock] = [:]

  /// Opens the file that `url` names; it is never created.
  ///
  /// - Parameters:
  ///   - patience: how long a lock of another process is waited for.
  ///   - window: the most rows that a statement for a page looks at, unless the page is longer.
  package init(
    url: DatabaseURL, for access: StoreAccess = .filling, patience: Duration = .seconds(40), window: Int = 2_000
  ) async throws {
    guard case .sqlite(let path) = url.engine else {
      throw DatabaseURL.refusal("it is not a SQLite URL", "use sqlite:///relative.db or sqlite:////absolute.db")
    }
    identity = url.identity
    self.path = path
    self.access = access
    self.patience = SQLitePatience(limit: patience)
    self.window = window
    queue = try await SQLiteOpening.open(path, for: access, patience: self.patience)
  }

  package func inspect(_ source: Source, dimensions: Int, for access: StoreAccess) async throws -> SourceShape {
    let table = try await reporting(source) {
      try await self.queue.read {
        try SQLiteInspection.table(of: source, dimensions: dimensions, for: access, in: $0)
      }
    }
    tables[source] = table
    return table.shape
  }

  package func lastKey(of source: Source) async throws -> RowKey? {
    try await read(source) { database, table in
      try table.key.first(table.lastKey, of: source, in: database)
    }
  }

  package func page(of source: Source, _ request: PageRequest) async throws -> MessagePage {
    let window = window
    return try await read(source) { database, table in
      var table = table
      table.wanted = request.rows
      return try SQLitePage(table: table, database: database, window: window).read(request, pageBytes: Self.pageBytes)
    }
  }

  package func countRemaining(in source: Source) async throws -> Int {
    let missing = try await count(.missing, in: source)
    guard try await table(of: source).edits?.index != nil else { return missing }
    return missing + (try await count(.edited, in: source))
  }

  private func count(_ rows: PageRequest.Rows, in source: Source) async throws -> Int {
    // By windows, each a transaction of its own: while one lasts, a page waits for it, and the application may be kept
    // from writing.
    var (count, key) = (0, RowKey?.none)
    repeat {
      let (window, after) = (window, key)
      let (found, end) = try await read(source) { database, table in
        var table = table
        table.wanted = rows
        return try SQLitePage(table: table, database: database, window: window).count(after: after)
      }
      count += found
      key = end
    } while key != nil
    return count
  }

  package func write(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    guard !rows.isEmpty else { return WriteOutcome() }
    guard access == .filling else {
      throw Failure(.denied, source.name, "the file was opened for reading alone")
    }
    let table = try await table(of: source)
    let dimensions = table.dimensions ?? rows[0].vector.count
    for row in rows {
      try row.vector.check(dimensions: dimensions, of: "\(source.name) \(table.key.name) \(row.key)")
    }
    let write = SQLiteWrite(rows, vectors: rows.map { table.vectorFormat.value(of: $0.vector) })
    let (outcome, found) = try await reporting(source) {
      try await self.queue.writeWithoutTransaction { database in
        var (write, found) = (write, table)
        var outcome = try write.run(in: database) { database in
          found = try found.upToDate(in: database)
          return found
        }
        try SQLiteTrial.tryOthers(than: rows, &outcome, of: found, in: database)
        return (outcome, found)
      }
    }
    tables[source] = found
    return outcome
  }

  package func nearest(to vector: [Float], in source: Source, limit: Int) async throws -> [Neighbour] {
    try await read(source) { database, table in
      try vector[...].check(dimensions: table.dimensions, of: source.name)
      var neighbours = NearestNeighbours(to: vector, limit: limit)
      let rows = try Row.fetchCursor(database, sql: table.vectors)
      while let row = try rows.next() {
        let stored = try row.withUnsafeData(atIndex: table.key.columns.count) { stored in
          stored.flatMap { table.vectorFormat.vector($0) }
        }
        if let stored { neighbours.offer(stored, key: try table.key.key(from: row, of: source)) }
      }
      return try neighbours.nearest.map { key, distance in
        let (isRow, arguments) = try table.key.comparison("=", key)
        let text = try Data.fetchOne(
          database, sql: table.textOfRow(isRow), arguments: StatementArguments(arguments))
        return Neighbour(key: key, text: String(decoding: text ?? Data(), as: UTF8.self), distance: distance)
      }
    }
  }

  package func vectors(of rows: [RowKey: TextDigest], in source: Source) async throws -> [RowKey: [Float]] {
    guard !rows.isEmpty else { return [:] }
    return try await read(source) { database, table in
      var vectors: [RowKey: [Float]] = [:]
      for (key, digest) in rows {
        let (isRow, arguments) = try table.key.comparison("=", key)
        let stored = try Data.fetchOne(
          database, sql: table.vectorOfText(isRow),
          arguments: StatementArguments(arguments + [Data(digest.bytes).databaseValue]))
        vectors[key] = stored.flatMap(table.vectorFormat.vector)
      }
      return vectors
    }
  }

  package func named(_ source: Source) async throws -> Source {
    try await read(source) { try $1.named(in: $0) }
  }

  package func column(of source: Source) async throws -> ColumnIdentity? {
    try await find(source)?.column
  }

  package func claim(_ source: Source) async throws -> ColumnClaim {
    var record = try await find(source)
    if record?.isUpToDate != true { record = try await change(source) { try $0.findOrMake() } }
    try lock(record?.id ?? 0, for: source)
    if source.edits != .digest { try await forgetProof(of: source) }
    // Anew, since whoever had the lock may have changed it.
    guard let record = try await find(source) else {
      throw Failure(
        .unavailable, source.name, "its record in vecfill_column is gone", remedy: "run the same command again")
    }
    return ColumnClaim(column: record.column, recorded: record.fingerprint)
  }

  package func filled(in source: Source, limit: Int) async throws -> FilledSample {
    try await read(source) { database, table in
      let rows = try Row.fetchCursor(database, sql: table.filled, arguments: [FilledRow.mostTextBytes, limit])
      var filled: [FilledRow] = []
      while let row = try rows.next() {
        let text = (row[0] as Data?).flatMap { String(validating: $0, as: UTF8.self) }
        let vector = (row[1] as Data?).flatMap(table.vectorFormat.vector)
        filled.append(FilledRow(text: vector == nil ? nil : text, vector: vector ?? []))
      }
      return FilledSample(filled)
    }
  }

  package func record(_ fingerprint: Fingerprint, of source: Source) async throws -> String? {
    try await change(source) { try $0.record(fingerprint) }
    return nil
  }

  package func forget(_ source: Source) async throws -> ColumnIdentity? {
    guard let record = try await find(source) else { return nil }
    try lock(record.id, for: source)
    try await change(source) { try $0.forget(record.id) }
    return record.column
  }

  package func close() async {
    // What keeps it open is gone with the process at the latest; nothing is left to be written.
    try? queue.close()
    locks = [:]
  }
}

extension SQLiteMessageStore {
  func table(of source: Source) async throws -> SQLiteTable {
    try await read(source) { _, table in table }
  }

  /// Reads with the table as it is in the very transaction.
  func read<Value: Sendable>(
    _ source: Source, _ body: @escaping @Sendable (Database, SQLiteTable) throws -> Value
  ) async throws -> Value {
    let known = tables[source]
    let (value, table) = try await reporting(source) {
      try await self.queue.read { database in
        let table =
          try known?.upToDate(in: database)
          ?? SQLiteInspection.table(of: source, dimensions: nil, for: .reading, in: database)
        return (try body(database, table), table)
      }
    }
    tables[source] = table
    return value
  }

  private func find(_ source: Source) async throws -> SQLiteColumnRecords.Record? {
    try await reporting(source) {
      try await self.queue.read { try SQLiteColumnRecords(source: source, database: $0).find() }
    }
  }

  private func lock(_ number: Int64, for source: Source) throws {
    if locks[number] == nil { locks[number] = try SQLiteFillLock(on: path, number: number, for: source) }
  }

  /// Changes the records in a transaction of its own.
  func change<Value: Sendable>(
    _ source: Source, _ body: @escaping @Sendable (SQLiteColumnRecords) throws -> Value
  ) async throws -> Value {
    try await reporting(source) {
      try await self.queue.writeWithoutTransaction { database in
        var value: Value?
        try database.inTransaction(.immediate) {
          value = try body(SQLiteColumnRecords(source: source, database: database))
          return .commit
        }
        guard let value else { throw CancellationError() }
        return value
      }
    }
  }

  func reporting<Value>(_ source: Source, _ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as DatabaseError {
      // By the task and not by the code: SQLite reports an interrupt while it connects a pragma's table as SQLITE_ERROR.
      if Task.isCancelled { throw CancellationError() }
      throw error.failure(source.name, patience: patience)
    }
  }
}

extension SQLiteTable {
  /// The table as it is now: inspected again where the file's schema changed, since a name that is no column any more
  /// would be taken for a text.
  fileprivate func upToDate(in database: Database) throws -> SQLiteTable {
    guard try SQLiteInspection.schemaVersion(of: database) != schemaVersion else { return self }
    return try SQLiteInspection.table(of: source, dimensions: dimensions, for: .reading, in: database)
  }
}
