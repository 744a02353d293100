import Backfill
import EmbeddingAPIs
import Foundation
import Postgres

/// Reads gauges, those of the database on a connection of its own and outside any transaction.
actor GaugeReader {
  /// Why a gauge can't be read, and what to do about it.
  struct Unreadable: Error {
    let reason: String
  }

  private let connection: PostgresConnection?
  private let client: HTTPClient?

  /// How long one reading may take, in milliseconds.
  static let patience = 5_000

  /// Throws a `Failure` with `.configuration` where a gauge is none of the database's engine.
  init(_ gauges: [Gauge], of database: DatabaseURL, environment: [String: String]) throws {
    if let gauge = gauges.first(where: \.needsPostgres) {
      guard case .postgres = database.engine else {
        throw Failure(
          .configuration, "gentle.\(gauge.name)", "is a bound of PostgreSQL, and the database is SQLite",
          remedy: "leave it out: file and head are for any database")
      }
      connection = try PostgresConnection(
        to: database, applicationName: "vecfill \(Host.process) gentle")
    } else {
      connection = nil
    }
    var options = HTTPClient.Options(environment: environment)
    options.timeout = .milliseconds(Self.patience)
    let asks = gauges.contains { if case .head = $0 { true } else { false } }
    client = asks ? try HTTPClient(options) : nil
  }

  /// Throws an `Unreadable`, or a `CancellationError` once the task was cancelled.
  func read(_ gauge: Gauge) async throws -> Double {
    switch gauge {
    case .file(let path):
      return FileManager.default.fileExists(atPath: path) ? 1 : 0
    case .head(let url):
      return try await status(of: url)
    case .replicaLag, .slotBacklog, .active, .probe:
      guard let connection else { throw Unreadable(reason: "there is no connection") }
      do {
        return try await connection.read(gauge)
      } catch let error as PostgresError {
        if error.endsConnection { await connection.close() }
        throw Unreadable(reason: "\(error.failure("the database").reason)")
      }
    }
  }

  private func status(of url: String) async throws -> Double {
    var request = HTTPRequest(url: url, maxReplyBytes: 1 << 10)
    request.isHead = true
    request.urlName = "gentle.head"
    do {
      guard let response = try await client?.send(request) else { return 200 }
      return Double(response.status)
    } catch {
      throw Unreadable(reason: error.reason)
    }
  }

  func close() async { await connection?.close() }
}

extension PostgresConnection {
  fileprivate func read(_ gauge: Gauge) throws -> Double {
    if !isAlive {
      try reconnect()
      try execute("SET statement_timeout = \(GaugeReader.patience); SET default_transaction_read_only = on")
    }
    switch gauge {
    case .replicaLag: return try replicaLag()
    case .slotBacklog(let slot, _): return try backlog(of: slot)
    case .active: return try activeSessions()
    case .probe(let sql, _): return try milliseconds(of: sql)
    case .file, .head: return 0
    }
  }

  private func replicaLag() throws -> Double {
    let row = try query(
      """
      SELECT count(*), max(extract(epoch FROM replay_lag)), count(*) FILTER (WHERE state IS NULL), current_user
      FROM pg_catalog.pg_stat_replication
      """)[0]
    guard row[0] != "0" else { throw GaugeReader.Unreadable(reason: "no replica is connected") }
    guard row[2] == "0" else { throw Self.unseen("replicas", row[3]) }
    return row[1].flatMap(Double.init) ?? 0
  }

  private func backlog(of slot: String) throws -> Double {
    let rows = try query(
      """
      SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), COALESCE(confirmed_flush_lsn, restart_lsn))
      FROM pg_catalog.pg_replication_slots WHERE slot_name = $1
      """, [.text(slot)])
    guard let row = rows.first else { throw GaugeReader.Unreadable(reason: "there is no slot \(slot)") }
    return row[0].flatMap(Double.init) ?? 0
  }

  private func activeSessions() throws -> Double {
    let row = try query(
      """
      SELECT count(*) FILTER (WHERE state = 'active' AND backend_type = 'client backend'
                              AND application_name NOT LIKE 'vecfill %'),
        count(*) FILTER (WHERE query = '<insufficient privilege>'), current_user
      FROM pg_catalog.pg_stat_activity
      """)[0]
    guard row[1] == "0" else { throw Self.unseen("other roles' sessions", row[2]) }
    return row[0].flatMap(Double.init) ?? 0
  }

  private func milliseconds(of sql: String) throws -> Double {
    let began = ContinuousClock.now
    do {
      try query(sql)
    } catch let error as PostgresError where error.sqlState == "57014" {
      return Double(GaugeReader.patience)
    }
    return (ContinuousClock.now - began) / .milliseconds(1)
  }

  private static func unseen(_ what: String, _ role: String?) -> GaugeReader.Unreadable {
    GaugeReader.Unreadable(
      reason: "the role may not see \(what): GRANT pg_read_all_stats TO \(role?.quotedIdentifier ?? "it")")
  }
}
