import Backfill
import CPostgres
import Foundation
import GRDB

/// A transaction of the test's own that stands in another process's way until it is released.
package final class Hold: Sendable {
  private let undo: Locked<(@Sendable () -> Void)?>

  /// Lets nobody else write to a SQLite file; reading goes on.
  package init(writesTo path: String) throws {
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    configuration.busyMode = .timeout(10)
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    undo = Locked { try? queue.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") } }
  }

  /// Runs a script in a PostgreSQL transaction that stays open, e.g. a LOCK TABLE.
  package init(_ script: String, on url: String) throws {
    let connection = PQconnectdb(url)
    let result = PQexec(connection, "BEGIN; " + script)
    defer { PQclear(result) }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
      defer { PQfinish(connection) }
      throw PostgresClusterError(String(cString: PQerrorMessage(connection)))
    }
    nonisolated(unsafe) let held = connection
    undo = Locked { PQfinish(held) }
  }

  package func release() {
    let release = undo.withLock { release in
      defer { release = nil }
      return release
    }
    release?()
  }

  deinit { release() }
}
