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
  }

  @Test(arguments: [
    ("connection to server at \"db\" failed: fe_sendauth: no password supplied", ExitCode.denied),
    ("server does not support SSL, but SSL was required", .configuration),
    ("channel binding required, but server authenticated client without channel binding", .configuration),
    ("SSL error: certificate verify failed", .configuration),
    ("server certificate for \"a\" does not match host name \"b\"", .configuration),
    ("could not receive data from server: Connection timed out", .unavailable),
  ])
  func `a refusal without an SQLSTATE has its own code`(message: String, code: ExitCode) {
    let error = PostgresError(message: message, endsConnection: true)
    #expect(error.failure("db").exitCode == code)
    #expect(error.isTransient == (code == .unavailable))
  }
}
