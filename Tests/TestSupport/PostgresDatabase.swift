import CPostgres
import Foundation

/// A database of a test's own in a `PostgresCluster`; reached here by libpq alone, past all code under test.
package struct PostgresDatabase: Sendable {
  package let port: Int
  package let name: String
  private let lease: Lease?

  /// - Parameter isDropped: whether the database is dropped once the last copy of this value is gone.
  package init(port: Int, name: String, isDropped: Bool = false) {
    self.port = port
    self.name = name
    lease = isDropped ? Lease(port: port, name: name) : nil
  }

  package var url: String { "postgresql://postgres@127.0.0.1:\(port)/\(name)" }

  /// Runs a script on a connection of its own, and returns the last statement's rows as text.
  @discardableResult
  package func run(_ script: String) async throws -> [[String?]] {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { try runBlocking(script) })
      }
    }
  }

  /// The first row's first value, as text.
  package func value(_ query: String) async throws -> String? {
    try await run(query).first?.first ?? nil
  }

  private func runBlocking(_ script: String) throws -> [[String?]] {
    let connection = PQconnectdb(url)
    defer { PQfinish(connection) }
    guard PQstatus(connection) == CONNECTION_OK else {
      throw PostgresClusterError(String(cString: PQerrorMessage(connection)))
    }
    let result = PQexec(connection, script)
    defer { PQclear(result) }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY].contains(PQresultStatus(result)) else {
      throw PostgresClusterError(String(cString: PQresultErrorMessage(result)))
    }
    return (0..<PQntuples(result)).map { row in
      (0..<PQnfields(result)).map { column in
        PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
      }
    }
  }

  /// Thousands of tests each have a database of 8 MB, and a whole run would fill 16 GB with those that ended.
  private final class Lease: Sendable {
    private let port: Int
    private let name: String

    init(port: Int, name: String) {
      (self.port, self.name) = (port, name)
    }

    deinit {
      let (port, name) = (port, name)
      // Without force: a database in which a session is still open stays until the cluster ends.
      Task { try? await PostgresDatabase(port: port, name: "postgres").run("DROP DATABASE \(name)") }
    }
  }
}
