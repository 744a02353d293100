import Backfill
import Foundation
import Postgres

/// What processes share, in a table of their database.
///
/// A claim reads the pool and writes it back if nobody has changed it meanwhile. Both are single statements, so a process
/// that stands still between them holds up nobody, and every change of a pool comes after the one before. Only the
/// database's clock counts.
package actor PostgresAllowance: SharedAllowance {
  private let connection: PostgresConnection
  private let patience: PostgresPatience
  private let source: Source
  private let address: String
  private var table: PostgresShareTable?

  /// Connects to `url` under the name `applicationName`, and finds or makes the table: see `PostgresShareTable`.
  package init(
    url: DatabaseURL, applicationName: String, source: Source, patience: PostgresPatience = PostgresPatience()
  ) async throws {
    guard case .postgres = url.engine else {
      throw Failure(
        .configuration, "share: database", "it needs PostgreSQL; one process at a time fills an SQLite file",
        remedy: "take share out of the job")
    }
    connection = try PostgresConnection(to: url, applicationName: applicationName)
    self.patience = patience
    self.source = source
    address = url.redacted
    _ = try await withTable { _, _ in }
  }

  package func claim(_ ask: ShareAsk, by member: ShareMember) async throws -> ShareGrant {
    try await changing(member) { reading in
      let (grant, change) = reading.claim(ask, by: member)
      return (grant, change)
    }
  }

  package func release(_ used: ShareAmount, spent: Double, by member: ShareMember) async throws {
    try await changing(member) { reading in ((), reading.release(used, spent: spent, by: member)) }
  }

  package func close() async {
    await connection.close()
  }

  /// How often the pool may stay as it was though it was written.
  private static let mostUnheard = 50

  /// Changes a pool; `body` is run again where another process was faster. It returns no change where nothing is to be
  /// written.
  private func changing<Value: Sendable>(
    _ member: ShareMember, _ body: @escaping @Sendable (ShareReading) -> (Value, ShareReading.Change?)
  ) async throws -> Value {
    var (unheard, last) = (0, "")
    while true {
      let (value, version): (Value?, String) = try await withTable { table, connection in
        let (reading, version) = try Self.read(table, member, on: connection)
        let (value, change) = body(reading)
        guard let change else { return (value, version) }
        return (try Self.write(change, over: version, table, member, on: connection) ? value : nil, version)
      }
      if let value { return value }
      // Whoever was faster has left another version.
      unheard = version == last ? unheard + 1 : 0
      last = version
      guard unheard < Self.mostUnheard else {
        throw Failure(
          .configuration, table?.name ?? "share", "what is written to it doesn't stay",
          remedy: "take its triggers and rules away")
      }
      try await Task.sleep(for: .milliseconds(Int.random(in: 0..<10)))
    }
  }

  private static func read(
    _ table: PostgresShareTable, _ member: ShareMember, on connection: isolated PostgresConnection
  ) throws -> (reading: ShareReading, version: String) {
    let isOwn = "(participant = $2 OR starts_with(participant, $2 || '\(ShareRow.separator)'))"
    // The first row is the pool itself.
    let query = """
      SELECT participant, version, spent, reserved, state, \(isOwn) AS is_own, extract(epoch FROM clock_timestamp()) AS now,
        (SELECT coalesce(sum(spent + reserved), 0) FROM ONLY \(table.name)
          WHERE pool = $1 AND participant <> '' AND NOT \(isOwn)) AS others
      FROM ONLY \(table.name) WHERE pool = $1 AND (participant = '' OR \(isOwn) OR reserved > 0)
      ORDER BY length(participant), participant
      """
    let parameters: [PostgresValue] = [.text(member.pool), .text(member.participant)]
    var rows = try connection.query(query, parameters, under: settings)
    if rows.first?["participant"] != "" {
      _ = try connection.query(
        "INSERT INTO \(table.name) (pool, participant) VALUES ($1, '') ON CONFLICT DO NOTHING",
        [.text(member.pool)], under: settings)
      rows = try connection.query(query, parameters, under: settings)
    }
    guard let row = rows.first, row["participant"] == "", let clock = row["now"].flatMap(Double.init) else {
      throw Failure(
        .configuration, table.name, "rows that were written can't be read back",
        remedy: "check its policies, triggers and rules")
    }
    func money(isOwn: Bool) -> [ShareRow] {
      rows.dropFirst().filter { ($0["is_own"] == "t") == isOwn }.map { row in
        ShareRow(
          participant: row["participant"] ?? "", spent: row["spent"].flatMap(Double.init) ?? 0,
          reserved: row["reserved"].flatMap(Double.init) ?? 0, state: row["state"] ?? "")
      }
    }
    let reading = ShareReading(
      pool: try SharedPool(recorded: row["state"] ?? "", at: clock, in: table.name), at: clock,
      rows: money(isOwn: true),
      reserving: money(isOwn: false), others: row["others"].flatMap(Double.init) ?? 0)
    return (reading, row["version"] ?? "")
  }

  /// False where the pool is another by now.
  private static func write(
    _ change: ShareReading.Change, over version: String, _ table: PostgresShareTable, _ member: ShareMember,
    on connection: isolated PostgresConnection
  ) throws -> Bool {
    try !connection.query(
      """
      WITH pool AS (
        UPDATE ONLY \(table.name) SET version = version + 1, state = $3, changed_at = clock_timestamp()
        WHERE pool = $1 AND participant = '' AND version = $4::bigint RETURNING pool
      )
      INSERT INTO \(table.name) (pool, participant, spent, reserved, state)
      SELECT pool, $2, $5::double precision, $6::double precision, $7 FROM pool
      ON CONFLICT (pool, participant) DO UPDATE SET spent = excluded.spent, reserved = excluded.reserved,
        state = excluded.state, changed_at = clock_timestamp(), by = excluded.by
      RETURNING 1
      """,
      [
        .text(member.pool), .text(change.row.participant), .text(try change.pool.recorded()), .text(version),
        .text("\(change.row.spent)"), .text("\(change.row.reserved)"), .text(try change.row.state()),
      ], under: settings
    ).isEmpty
  }

  private static let settings = PostgresSettings(statementTimeout: .seconds(10), lockTimeout: .seconds(5))

  /// Runs `body` on a live connection, for as long as the patience lasts.
  private func withTable<Value: Sendable>(
    _ body: @escaping @Sendable (PostgresShareTable, isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    let (known, source) = (table, source)
    let (value, table) = try await patience.trying { _ in
      try await connection.live { connection in
        let table = try known ?? PostgresShareTable(for: source, on: connection)
        return (try body(table, connection), table)
      }
    } failure: { error in
      error.failure(
        error.endsConnection ? address : known?.name ?? "share",
        remedy: "check the database, and run the same command again to go on")
    }
    self.table = table
    return value
  }
}
