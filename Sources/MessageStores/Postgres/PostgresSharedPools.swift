import Backfill
import Postgres

/// Who holds what of a pool, to be shown.
package struct PostgresSharedPools: Sendable {
  /// A pool as it is just now.
  package struct Reading: Sendable {
    package let pool: SharedPool
    /// In seconds, as the pool counts them.
    package let now: Double
    /// Dollars, of all that take part.
    package let spent: Double
    package let reserved: Double
  }

  /// nil where the database has no such pool, or this role can't read it.
  package static func read(
    _ name: String, in url: DatabaseURL, applicationName: String
  ) async throws -> Reading? {
    guard case .postgres = url.engine else { return nil }
    let connection = try PostgresConnection(to: url, applicationName: applicationName)
    do {
      let reading = try await connection.run { connection -> Reading? in
        try connection.reconnect()
        guard let table = try PostgresShareTable.existing(on: connection) else { return nil }
        let rows = try connection.inspect(
          """
          SELECT state, extract(epoch FROM clock_timestamp()) AS now,
            (SELECT sum(spent) FROM ONLY \(table) WHERE pool = $1) AS spent,
            (SELECT sum(reserved) FROM ONLY \(table) WHERE pool = $1) AS reserved
          FROM ONLY \(table) WHERE pool = $1 AND participant = ''
          """, [.text(name)])
        guard let row = rows.first, let clock = row["now"].flatMap(Double.init) else { return nil }
        var pool = try SharedPool(recorded: row["state"] ?? "", at: clock, in: table)
        let now = pool.time(of: clock)
        return Reading(
          pool: pool, now: now,
          spent: row["spent"].flatMap(Double.init) ?? 0, reserved: row["reserved"].flatMap(Double.init) ?? 0)
      }
      await connection.close()
      return reading
    } catch let error as PostgresError {
      await connection.close()
      throw error.connectionFailure(url.redacted)
    }
  }
}
