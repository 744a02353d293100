import Backfill
import Foundation
import PgVector
import Postgres

/// Messages in PostgreSQL 13 or later with pgvector.
///
/// One connection reads and one holds the locks that are asked for. One for each writer and one more write and count, so
/// that none waits for another nor a page for a count; none is opened while one of them is idle. No statement relies on a session's
/// settings or prepared statements, so a pooler may stand between.
/// What is lost with a connection is made again: a server's restart is waited for.
package actor PostgresMessageStore: MessageStore {
  package nonisolated let identity: String
  package nonisolated let mostWriters: Int
  let address: String
  let reader: PostgresConnection
  let others: PostgresConnections
  let turns = PostgresWriteTurns()
  let locks: PostgresLocks
  private let news: PostgresNews
  private let patience: PostgresPatience
  let lockTimeout: Duration
  private let model: String?
  var tables: [Source: PostgresTable] = [:]
  var searches: [Source: PostgresEditSearch] = [:]
  /// The columns whose identity was asked for, and in which of the reader's sessions.
  private var columns: [PostgresColumnPlace: (records: PostgresColumnRecords, session: Int)] = [:]

  /// Connects to `url`. `applicationName` is what the server, and another process that finds a lock held, is told.
  ///
  /// Up to `writers` writes go on side by side. A write waits no longer than `lockTimeout` for another transaction's lock
  /// before it leaves the rows that are held. `model` is what its vectors are of.
  package init(
    url: DatabaseURL, applicationName: String, writers: Int = 1, patience: PostgresPatience = PostgresPatience(),
    lockTimeout: Duration = .seconds(1), model: String? = nil
  ) async throws {
    self.model = model
    mostWriters = writers
    identity = url.identity
    address = url.redacted
    self.patience = patience
    self.lockTimeout = lockTimeout
    reader = try PostgresConnection(to: url, applicationName: applicationName)
    others = PostgresConnections(
      try (0...writers).map { _ in try PostgresConnection(to: url, applicationName: applicationName) })
    locks = PostgresLocks(
      connection: try PostgresConnection(to: url, applicationName: applicationName))
    news = PostgresNews(connection: try PostgresConnection(to: url, applicationName: applicationName))
    do {
      try await reader.reconnect()
    } catch let error as PostgresError {
      throw error.connectionFailure(address)
    }
  }

  package func inspect(_ source: Source, dimensions: Int, for access: StoreAccess) async throws -> SourceShape {
    var table = try await read(source) {
      try PostgresInspection.table(of: source, dimensions: dimensions, for: access, on: $0)
    }
    table.writtenModel = model
    tables[source] = table
    return table.shape
  }

  package func lastKey(of source: Source) async throws -> RowKey? { try await lastKey(of: source, in: .whole) }

  /// As `lastKey`, of the rows behind the range's lower end, and of its partition where it has one; nil also where that is
  /// no longer the table's.
  func lastKey(of source: Source, in shard: ShardRange) async throws -> RowKey? {
    let table = try await table(of: source)
    return try await read(source) { connection in
      guard let table = try table.reading(shard.partition, on: connection) else { return nil }
      let rows = try connection.query(
        table.lastKey(isBounded: shard.after != nil), shard.after.map(table.key.parameters) ?? [], format: .binary,
        under: table.settings())
      return rows.isEmpty ? nil : try table.key(of: rows, row: 0, from: 0)
    }
  }

  package func page(of source: Source, _ request: PageRequest) async throws -> MessagePage {
    try await page(of: source, in: nil, request)
  }

  /// As `page`, of one partition where one is given; empty where it is no longer the table's.
  func page(
    of source: Source, in partition: ShardRange.Partition?, _ request: PageRequest
  ) async throws -> MessagePage {
    let table = try await table(of: source)
    try await confirmLocks(for: source)
    let isByColumn = request.isByColumn && table.newest != nil
    let search = request.rows == .edited ? searches[source] : nil
    let ordered = isByColumn ? table.byColumn : table
    let found = try await read(source) { connection in
      guard let ordered = try ordered.reading(partition, on: connection) else {
        return MessagePage([], continuesAfter: nil)
      }
      let table = search?.narrowing(ordered, in: connection.session) ?? ordered
      return try PostgresPage(table: table, request: request, bytes: Self.pageBytes).read(on: connection)
    }
    return isByColumn ? found.byKey : found
  }

  package func countRemaining(in source: Source) async throws -> Int { try await countRemaining(in: source, .whole) }

  package func countRemaining(in source: Source, _ shard: ShardRange) async throws -> Int {
    guard !shard.isEmpty else { return 0 }
    let table = try await table(of: source)
    let missing = try await count(.missing, in: table, shard)
    guard table.edits?.areMarked == true else { return missing }
    return missing + (try await count(.edited, in: table, shard))
  }

  private func count(_ rows: PageRequest.Rows, in table: PostgresTable, _ shard: ShardRange) async throws -> Int {
    var count = 0
    var after = shard.after
    repeat {
      let key = after
      let connection = others.borrow()
      defer { others.giveBack(connection) }
      let (found, end) = try await attempt(on: connection, for: table.source) {
        connection, _ -> (found: Int, end: RowKey?) in
        guard let table = try table.reading(shard.partition, on: connection) else { return (0, nil) }
        do {
          return try PostgresRange(of: table, rows, after: key, through: shard.through).count(on: connection)
        } catch let error as PostgresError where error.isOfRows {
          // A text that can't be read can't be compared either: then only rows without any piece are counted.
          guard let pieces = table.pieces else {
            var all = table
            all.source.condition = nil
            // Where they can be counted without the condition, it is at fault.
            guard let place = table.source.conditionPlace,
              (try? PostgresRange(of: all, rows, after: key, through: shard.through).count(on: connection)) != nil
            else { throw error }
            throw error.conditionFailure(of: table.source, at: place, "a row")
          }
          return try PostgresRange(
            of: table, after: key, through: shard.through, missing: pieces.lacksAny(outer: table.identifier)
          ).count(on: connection)
        }
      }
      count += found
      after = end
    } while after != nil
    return count
  }

  package func removePieces(of keys: [RowKey], in source: Source) async throws {
    guard !keys.isEmpty else { return }
    let table = try await table(of: source)
    guard let pieces = table.pieces else { return }
    let settings = table.settings(lockTimeout: lockTimeout)
    let connection = others.borrow()
    defer { others.giveBack(connection) }
    try await attempt(on: connection, for: source) { connection, _ in
      _ = try connection.query(pieces.deleteStale(of: table), table.key.arrays(keys), under: settings)
    }
  }

  package func nearest(to vector: [Float], in source: Source, limit: Int) async throws -> [Neighbour] {
    let table = try await table(of: source)
    try vector[...].check(dimensions: table.dimensions, of: source.name)
    let search = PostgresNeighbours(of: vector, in: table, limit: limit)
    return try await read(source) { try search.read(on: $0) }
  }

  package func vectors(of rows: [RowKey: TextDigest], in source: Source) async throws -> [RowKey: [Float]] {
    guard !rows.isEmpty else { return [:] }
    let table = try await table(of: source)
    let wanted = Array(rows)
    let parameters = [.array(wanted.map(\.value.bytes.hex))] + table.key.arrays(wanted.map(\.key))
    return try await read(source) { connection in
      let found = try connection.query(table.vectorsOfTexts, parameters, format: .binary, under: table.settings())
      var vectors: [RowKey: [Float]] = [:]
      for row in found.indices {
        let number = found.withBytes(row: row, column: 0) { Int(Int64(bigEndian: $0.loadUnaligned(as: Int64.self))) }
        guard let number, let vector = found.withBytes(row: row, column: 1, { table.vectorType.decode($0) }) else {
          continue
        }
        vectors[wanted[number - 1].key] = vector
      }
      return vectors
    }
  }

  package func named(_ source: Source) async throws -> Source {
    var named = source
    named.keys = try await table(of: source).key.columns.map(\.name)
    return named
  }

  package func column(of source: Source) async throws -> ColumnIdentity? {
    guard let place = try await place(of: source) else { return nil }
    return try await records(at: place, of: source) { records, _ in records.column }
  }

  package func claim(_ source: Source) async throws -> ColumnClaim { try await claim(source, shard: nil) }

  /// As `claim`; for a shard the column's lock is shared with the other shards, and the shard's own lock is taken too.
  func claim(_ source: Source, shard: Int?) async throws -> ColumnClaim {
    let table = try await table(of: source)
    let ofShard = shard.map { (name: table.place.lockName(ofShard: $0), isShared: false) }
    let relatives = try await read(source) { [place = table.place] in
      try ColumnRelative.all(of: place.table, number: place.number, on: $0)
    }
    try await takeLocks(
      [(table.place.lockName, shard != nil)] + [ofShard].compactMap(\.self), for: source,
      rivals: relatives.map(\.lock))
    return try await records(at: table.place, of: source) { records, connection in
      if table.edits == nil || table.edits?.apart != nil { try EditProof.forget(of: table, on: connection) }
      let reading = try records.read(on: connection)
      // After a rename or a move, a copy of the database would not find it any more. Where it can't be brought up to date
      // it is still there.
      if let recorded = reading.recorded, !reading.isUpToDate { _ = try records.record(recorded, on: connection) }
      return ColumnClaim(
        column: records.column, recorded: reading.recorded,
        relatives: try records.fingerprints(of: relatives, on: connection), warnings: reading.warnings)
    }
  }

  package func filled(in source: Source, limit: Int) async throws -> FilledSample {
    let sample = PostgresFilledSample(table: try await table(of: source), limit: limit)
    return try await read(source) { try sample.read(on: $0) }
  }

  package func record(_ fingerprint: Fingerprint, of source: Source) async throws -> String? {
    try await records(at: table(of: source).place, of: source) { try $0.record(fingerprint, on: $1) }
  }

  package func forget(_ source: Source) async throws -> ColumnIdentity? {
    guard let place = try await place(of: source) else { return nil }
    try await takeLocks([(place.lockName, false)], for: source)
    return try await records(at: place, of: source) { records, connection in
      try records.forget(on: connection)
      return records.column
    }
  }

  package func waitForChanges(of sources: [Source], atMost time: Duration) async throws -> Bool {
    try await news.wait(for: sources, atMost: time)
  }

  package func close() async {
    await news.close()
    await reader.close()
    await others.close()
    await locks.close()
  }
}

extension PostgresMessageStore {
  func table(of source: Source) async throws -> PostgresTable {
    if let table = tables[source] { return table }
    let table = try await read(source) {
      try PostgresInspection.table(of: source, dimensions: nil, for: .reading, on: $0)
    }
    tables[source] = table
    return table
  }

  /// Where the column is that `source` fills, though the rest of the source need not be there.
  private func place(of source: Source) async throws -> PostgresColumnPlace? {
    if let table = tables[source] { return table.place }
    return try await read(source) { try PostgresColumnPlace.find(source, on: $0) }
  }

  func records<Value: Sendable>(
    at place: PostgresColumnPlace, of source: Source,
    _ body: @escaping @Sendable (PostgresColumnRecords, isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    let address = identity
    let known = columns[place]
    let (value, records, session) = try await read(source) { connection in
      let session = connection.session
      let records =
        if let known, known.session == session {
          known.records
        } else {
          try PostgresColumnRecords(of: place, address: address, on: connection)
        }
      return (try body(records, connection), records, session)
    }
    columns[place] = (records, session)
    return value
  }

  func confirmLocks(for source: Source) async throws {
    try await withPatience(for: source) { _ in try await self.locks.confirm() }
  }

  func read<Value: Sendable>(
    _ source: Source, _ body: @escaping @Sendable (isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    try await attempt(on: reader, for: source) { connection, _ in try body(connection) }
  }

  func attempt<Value: Sendable>(
    on connection: PostgresConnection, for source: Source,
    _ body: @escaping @Sendable (_ connection: isolated PostgresConnection, _ isRepeat: Bool) throws -> Value
  ) async throws -> Value {
    try await withPatience(for: source) { isRepeat in try await connection.live { try body($0, isRepeat) } }
  }

  /// Runs `body` until it passes or the patience is at its end. `isRepeat` says that an earlier attempt may have been
  /// done all the same.
  func withPatience<Value: Sendable>(
    for source: Source, _ body: (_ isRepeat: Bool) async throws -> Value
  ) async throws -> Value {
    try await patience.trying(body) { error in
      error.endsConnection && error.isTransient
        ? error.failure(address, remedy: "check that the server answers, and run the same command again to go on")
        : error.failure(error.endsConnection ? address : source.name, remedy: error.remedy)
    }
  }
}
