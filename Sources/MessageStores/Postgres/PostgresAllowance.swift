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
        .configuration, "share", "share: database needs PostgreSQL; an SQLite file has one process at a time",
        remedy: "take share out of the job")
    }
    connection = try PostgresConnection(to: url, applicationName: applicationName)
    self.patience = patience
    self.source = source
    address = url.redacted
    _ = try await withTable { _, _ in }
  }

  package func claim(_ ask: ShareAsk, by member: ShareMember) async throws -> ShareGrant {
    try await changing(member) { pool, read in
      var grant = pool.claim(ask, by: member, at: read.now)
      (grant.others, grant.mayReturn) = (read.others, read.mayReturn)
      guard pool.holders[member.participant]?.session == member.session else {
        // What isn't recorded isn't given.
        grant.committed = ask.dollars.kept
        return (grant, nil)
      }
      let committed = ask.dollars.committed(besides: read.others)
      grant.committed = committed
      return (grant, Money(spent: ask.dollars.spent, reserved: max(0, committed - ask.dollars.spent)))
    }
  }

  package func release(_ used: ShareAmount, spent: Double, by member: ShareMember) async throws {
    try await changing(member) { pool, read in
      // A later process of the same ledger tells for itself.
      if let holder = pool.holders[member.participant], holder.session != member.session { return ((), nil) }
      pool.release(used, by: member, at: read.now)
      return ((), Money(spent: spent, reserved: 0))
    }
  }

  package func close() async {
    await connection.close()
  }

  /// What a participant has spent and reserved, as its row is to say.
  private struct Money: Sendable {
    let spent: Double
    let reserved: Double
  }

  /// A pool as it was read.
  private struct Reading: Sendable {
    let version: String
    let pool: SharedPool
    let now: Double
    let others: Double
    let mayReturn: Double
  }

  /// Changes a pool; `body` is run again where another process was faster. It returns no money where nothing is to be
  /// written.
  private func changing<Value: Sendable>(
    _ member: ShareMember, _ body: @escaping @Sendable (inout SharedPool, Reading) -> (Value, Money?)
  ) async throws -> Value {
    while true {
      let value: Value? = try await withTable { table, connection in
        let reading = try Self.read(table, member, on: connection)
        var pool = reading.pool
        let (value, money) = body(&pool, reading)
        guard let money else { return value }
        return try Self.write(pool, over: reading, money, table, member, on: connection) ? value : nil
      }
      if let value { return value }
      try await Task.sleep(for: .milliseconds(Int.random(in: 0..<10)))
    }
  }

  private static func read(
    _ table: PostgresShareTable, _ member: ShareMember, on connection: isolated PostgresConnection
  ) throws -> Reading {
    let query = """
      SELECT version, state, extract(epoch FROM clock_timestamp()) AS now,
        (SELECT coalesce(sum(spent + reserved), 0) FROM ONLY \(table.name)
          WHERE pool = $1 AND participant NOT IN ('', $2)) AS others,
        (SELECT coalesce(sum(reserved), 0) FROM ONLY \(table.name)
          WHERE pool = $1 AND participant NOT IN ('', $2)
            AND changed_at > clock_timestamp() - interval '\(2 * SharedPool.lifetime) s') AS may_return
      FROM ONLY \(table.name) WHERE pool = $1 AND participant = ''
      """
    let parameters: [PostgresValue] = [.text(member.pool), .text(member.participant)]
    var rows = try connection.query(query, parameters, under: settings)
    if rows.isEmpty {
      _ = try connection.query(
        "INSERT INTO \(table.name) (pool, participant) VALUES ($1, '') ON CONFLICT DO NOTHING",
        [.text(member.pool)], under: settings)
      rows = try connection.query(query, parameters, under: settings)
    }
    guard let row = rows.first, let now = row["now"].flatMap(Double.init) else {
      throw Failure(
        .configuration, table.name, "rows that were written can't be read back", remedy: "check its policies and rules")
    }
    return Reading(
      version: row["version"] ?? "", pool: try SharedPool(recorded: row["state"] ?? "", at: now, in: table.name),
      now: now, others: row["others"].flatMap(Double.init) ?? 0, mayReturn: row["may_return"].flatMap(Double.init) ?? 0)
  }

  /// False where the pool is another by now.
  private static func write(
    _ pool: SharedPool, over reading: Reading, _ money: Money, _ table: PostgresShareTable, _ member: ShareMember,
    on connection: isolated PostgresConnection
  ) throws -> Bool {
    try !connection.query(
      """
      WITH pool AS (
        UPDATE ONLY \(table.name) SET version = version + 1, state = $3, changed_at = clock_timestamp()
        WHERE pool = $1 AND participant = '' AND version = $4::bigint RETURNING pool
      )
      INSERT INTO \(table.name) (pool, participant, spent, reserved)
      SELECT pool, $2, $5::double precision, $6::double precision FROM pool
      ON CONFLICT (pool, participant) DO UPDATE SET spent = excluded.spent, reserved = excluded.reserved,
        changed_at = clock_timestamp(), by = excluded.by
      RETURNING 1
      """,
      [
        .text(member.pool), .text(member.participant), .text(try pool.recorded()), .text(reading.version),
        .text("\(money.spent)"), .text("\(money.reserved)"),
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
