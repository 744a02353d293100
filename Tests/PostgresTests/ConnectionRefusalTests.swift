import Backfill
import Postgres
import TestSupport
import Testing

/// What a server or a pooler refuses before there is a session: told at once, with the code that no retry mends.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct ConnectionRefusalTests {
  @Test func `TLS that the server doesn't have is a configuration, and is told at once`() async throws {
    let database = try await PostgresCluster.shared(.sixteen).freshDatabase(pgvector: false)
    let url = try DatabaseURL("\(database.url)?sslmode=require")
    let error = await #expect(throws: PostgresError.self) {
      try await PostgresConnection.connect(to: url, applicationName: "test")
    }
    #expect(error?.isTransient == false)
    #expect(error?.failure("db").exitCode == .configuration)
    #expect(
      error?.connectionFailure("db").remedy == "switch TLS on at the server, or take sslmode out of DATABASE_URL")
  }

  @Test(arguments: [
    ("connection to server at \"db\" failed: fe_sendauth: no password supplied", "give the password in"),
    ("server does not support SSL, but SSL was required", "switch TLS on at the server"),
    ("channel binding required, but server authenticated client without channel binding", "take channel_binding out"),
    ("SSL error: certificate verify failed", "sslrootcert=FILE"),
    ("server certificate for \"a\" does not match host name \"b\"", "the host that the certificate names"),
    ("root certificate file \"/root/.postgresql/root.crt\" does not exist", "sslrootcert=FILE"),
    ("unsupported startup parameter: search_path", "ignore_startup_parameters"),
    ("connection to server at \"h\", port 5432 failed: Connection refused", "that the server runs"),
    ("could not translate host name \"h\" to address", "check the host"),
  ])
  func `a refusal without an SQLSTATE says what to do about this one`(_ message: String, _ remedy: String) {
    let failure = PostgresError(message: message, endsConnection: true)
      .connectionFailure("db", setting: "VECFILL_MIGRATION_DATABASE_URL")
    #expect(failure.remedy?.contains(remedy) == true, "\(failure)")
    #expect(failure.remedy?.contains("VECFILL_MIGRATION_DATABASE_URL") == true, "\(failure)")
  }

  @Test(arguments: [
    ("connection to server at \"db\" failed: fe_sendauth: no password supplied", ExitCode.denied),
    ("server does not support SSL, but SSL was required", .configuration),
    ("channel binding required, but server authenticated client without channel binding", .configuration),
    ("SSL error: certificate verify failed", .configuration),
    ("server certificate for \"a\" does not match host name \"b\"", .configuration),
    ("could not receive data from server: Connection timed out", .unavailable),
    ("definition of service \"nosuch\" not found", .configuration),
    ("syntax error in service file \"/x\", line 3", .configuration),
  ])
  func `a refusal without an SQLSTATE has its own code`(message: String, code: ExitCode) {
    let error = PostgresError(message: message, endsConnection: true)
    #expect(error.failure("db").exitCode == code)
    #expect(error.isTransient == (code == .unavailable))
  }

  @Test(arguments: [
    ("role=Zq7XwV9k", "role"), ("timezone=Zq7XwV9k", "\"TimeZone\""), ("work_mem=Zq7XwV9k", "\"work_mem\""),
    ("options=-c%20nosuch%3DZq7XwV9k", "\"nosuch\""), ("options=-c%20work_mem%3D-1", "\"work_mem\""),
    ("options=-c%20port%3D1", "\"port\""),
  ])
  func `a parameter that the server refuses is named, and is a configuration`(option: String, name: String) async throws
  {
    let database = try await PostgresCluster.shared(.sixteen).freshDatabase(pgvector: false)
    let url = try DatabaseURL("\(database.url)?\(option)")
    let error = try #require(
      await #expect(throws: PostgresError.self) {
        try await PostgresConnection.connect(to: url, applicationName: "test")
      })
    #expect(!error.isTransient)
    let failure = error.connectionFailure("db")
    #expect(failure.exitCode == .configuration)
    #expect(failure.reason.contains(name), "\(failure)")
    #expect(failure.remedy == "correct it in DATABASE_URL or PGOPTIONS")
    // A role's name is no secret, as in every other refusal.
    #expect(name == "role" || !"\(failure)".contains("Zq7XwV9k"), "\(failure)")
  }

  @Test func `a service that is not there names the places to look at`() {
    let failure = PostgresError(message: "definition of service \"nosuch\" not found", endsConnection: true)
      .connectionFailure("db")
    #expect(failure.remedy == "correct the service in DATABASE_URL, or the file that PGSERVICEFILE names")
  }
}
