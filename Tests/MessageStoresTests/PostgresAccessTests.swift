import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// How one gets in: by password, `.pgpass` and service file, all of them libpq's.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresAccessTests {
  /// A role with a password, in a cluster of its own name space: made by whichever test comes first.
  private static let prepared = Task {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    try await database.run("CREATE ROLE \(PostgresCluster.guardedRole) LOGIN PASSWORD 'correct horse'")
    return database
  }

  private static func url(_ credentials: String, _ database: PostgresDatabase, _ options: String = "") throws
    -> DatabaseURL
  {
    try DatabaseURL("postgresql://\(credentials)@127.0.0.1:\(database.port)/\(database.name)\(options)")
  }

  @Test func `a wrong password is a refusal at once, and is not told`() async throws {
    let database = try await Self.prepared.value
    let url = try Self.url("guarded:wrong%20horse", database)
    let failure = await #expect(throws: Failure.self) {
      try await url.openMessageStore(applicationName: "vecfill tests")
    }
    #expect(failure?.exitCode == .denied)
    #expect(failure?.reason.contains("(SQLSTATE 28P01)") == true)
    #expect(failure?.description.contains("horse") == false)
    #expect(failure?.description.contains("LOCATION") == false)
  }

  @Test func `the password comes from the URL or the password file`() async throws {
    let database = try await Self.prepared.value
    let store = try await Self.url("guarded:correct%20horse", database).openMessageStore(applicationName: "a")
    await store.close()
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("pgpass-\(UUID().uuidString)").path
    try "127.0.0.1:*:*:guarded:correct horse".write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    let other = try await Self.url("guarded", database, "?passfile=\(file)").openMessageStore(applicationName: "a")
    await other.close()
  }

  @Test func `a service file names the database`() async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    await #expect(processExitsWith: .success) { [port = database.port as Int, name = database.name as String] in
      let file = FileManager.default.temporaryDirectory.appendingPathComponent("service-\(UUID().uuidString)").path
      defer { try? FileManager.default.removeItem(atPath: file) }
      try "[verse]\nhost=127.0.0.1\nport=\(port)\nuser=postgres\ndbname=\(name)\n"
        .write(toFile: file, atomically: true, encoding: .utf8)
      setenv("PGSERVICEFILE", file, 1)
      let connection = try await PostgresConnection.connect(to: DatabaseURL("service=verse"), applicationName: "a")
      #expect(try await connection.query("SELECT current_database()")[0][0] == name)
    }
  }
}
