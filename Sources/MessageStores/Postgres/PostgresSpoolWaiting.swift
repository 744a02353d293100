import Backfill
import Foundation
import PgVector
import Postgres

/// What waits in the database's spool, for whoever fills nothing.
package struct SpoolWaiting: Equatable, Sendable, Codable {
  package var replies = 0
  package var rows = 0

  package init(replies: Int = 0, rows: Int = 0) {
    self.replies = replies
    self.rows = rows
  }

  static func + (left: SpoolWaiting, right: SpoolWaiting) -> SpoolWaiting {
    SpoolWaiting(replies: left.replies + right.replies, rows: left.rows + right.rows)
  }
}

extension DatabaseURL {
  /// What waits for the columns of `sources`; nothing where there is no such table, or none that is to be trusted and read.
  ///
  /// Throws a `Failure` where the database can't be asked.
  package func spoolWaiting(for sources: [Source], applicationName: String) async throws -> SpoolWaiting {
    try await spoolTables(of: sources, applicationName) { place, keys, connection -> SpoolWaiting in
      let found = try connection.query(
        "SELECT count(*) AS replies, coalesce(sum(rows), 0) AS rows FROM ONLY \(place) WHERE \(PostgresColumnPlace.isOwn)",
        keys,
        under: PostgresSettings(isReadOnly: true))
      return SpoolWaiting(
        replies: found.first?["replies"].flatMap { Int($0) } ?? 0, rows: found.first?["rows"].flatMap { Int($0) } ?? 0)
    }.reduce(SpoolWaiting(), +)
  }

  /// Which rows wait for the column of `source`, without their vectors; none where there is no such table, or none that is
  /// to be trusted and read.
  ///
  /// Throws a `Failure` where the database can't be asked.
  package func spooledRows(of source: Source, applicationName: String) async throws -> [SpooledRows] {
    try await spoolTables(of: [source], applicationName) { place, keys, connection -> [SpooledRows] in
      let found = try connection.query(
        """
        SELECT format, fingerprint, key_columns, contents FROM ONLY \(place) WHERE \(PostgresColumnPlace.isOwn)
        ORDER BY received_at, run, number
        """, keys, format: .binary, under: PostgresSettings(isReadOnly: true))
      return found.indices.map { row in
        SpooledRows(
          format: found.withBytes(row: row, column: 0) { Int(Int16(bigEndian: $0.loadUnaligned(as: Int16.self))) } ?? 0,
          fingerprint: found.text(row: row, column: 1) ?? "", key: found.text(row: row, column: 2) ?? "",
          contents: found.withBytes(row: row, column: 3) { Data($0) } ?? Data())
      }
    }.flatMap(\.self)
  }

  /// Drops what waits for the column of `source`, and returns what that was. The caller has its claim.
  ///
  /// Throws a `Failure` where the role may not delete it.
  package func dropSpool(of source: Source, applicationName: String) async throws -> SpoolWaiting {
    try await spoolTables(of: [source], applicationName) { place, keys, connection -> SpoolWaiting in
      let found = try connection.query(
        """
        WITH dropped AS (DELETE FROM ONLY \(place) WHERE \(PostgresColumnPlace.isOwn) RETURNING rows)
        SELECT count(*) AS replies, coalesce(sum(rows), 0) AS rows FROM dropped
        """, keys, under: PostgresSettings(lockTimeout: .seconds(5)))
      return SpoolWaiting(
        replies: found.first?["replies"].flatMap { Int($0) } ?? 0, rows: found.first?["rows"].flatMap { Int($0) } ?? 0)
    }.reduce(SpoolWaiting(), +)
  }

  /// What `body` makes of each table that may have replies for one of `sources`.
  private func spoolTables<Value: Sendable>(
    of sources: [Source], _ applicationName: String,
    _ body: @escaping @Sendable (String, [PostgresValue], isolated PostgresConnection) throws -> Value
  ) async throws -> [Value] {
    guard case .postgres = engine else { return [] }
    let address = identity
    do {
      let connection = try await PostgresConnection.connect(to: self, applicationName: applicationName)
      let waiting = try await connection.run { connection in
        var waiting: [Value] = []
        for source in sources {
          guard let filled = try PostgresColumnPlace.find(source, on: connection) else { continue }
          let column = try PostgresColumnRecords(of: filled, address: address, on: connection).column
          let keys = filled.ownKeys(in: column.database)
          for table in try OwnTable.all(.spool, in: nil, on: connection) {
            guard table.isReadable, try table.isTrusted(forTable: filled.table, on: connection) else { continue }
            waiting.append(try body(table.name, keys, connection))
          }
        }
        return waiting
      }
      await connection.close()
      return waiting
    } catch let error as PostgresError {
      throw error.failure(redacted)
    }
  }
}
