import Backfill
import PgVector
import Postgres

/// Looks at a PostgreSQL database over one connection.
struct PostgresSurveyor: DatabaseSurveyor {
  private let connection: PostgresConnection
  let identity: String
  private let address: String

  init(to url: DatabaseURL, applicationName: String) async throws {
    identity = url.identity
    address = url.redacted
    do {
      connection = try await PostgresConnection.connect(to: url, applicationName: applicationName)
    } catch let error as PostgresError {
      throw error.connectionFailure(url.redacted)
    }
  }

  func server() async throws -> ServerSurvey {
    try await reading(address) { connection in
      let row = try connection.inspect(
        """
        SELECT current_setting('server_version') AS version, current_user AS role, pg_is_in_recovery() AS is_standby,
          current_setting('transaction_read_only')::boolean AS is_read_only,
          has_database_privilege(current_database(), 'CREATE') AS creates,
          (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super,
          getdatabaseencoding() AS encoding
        """)[0]
      let version = (row["version"] ?? "").split(separator: " ").first.map(String.init) ?? ""
      var survey = ServerSurvey(product: "PostgreSQL \(version)")
      survey.isTooOld = try connection.serverVersion() < 130_000
      survey.role = row["role"]
      if row.isTrue("is_standby") {
        survey.readOnly = "it is a standby"
      } else if row.isTrue("is_read_only") {
        survey.readOnly = "default_transaction_read_only is on"
      }
      survey.isPooled = try connection.isPooled()
      let offer = try connection.inspect(
        """
        SELECT a.default_version AS version, v.trusted FROM pg_available_extensions a
        JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
        WHERE a.name = $1
        """, [.text(PgVector.name)]
      ).first
      survey.pgvector = ServerSurvey.Extension(
        installed: try PgVector.installed(on: connection), offered: offer?["version"],
        mayInstall: row.isTrue("super") || row.isTrue("creates") && offer?.isTrue("trusted") == true)
      return survey
    }
  }

  func table(_ source: Source, dimensions: Int) async throws -> TableSurvey {
    try await reading(source.name) {
      try PostgresTableSurveyor(source: source, dimensions: dimensions, address: identity).survey(on: $0)
    }
  }

  func auditor(of source: Source) async throws -> any ColumnAuditor {
    let table = try await reading(source.name) {
      try PostgresInspection.table(of: source, dimensions: nil, for: .verifying, on: $0)
    }
    return PostgresColumnAuditor(table: table, connection: connection)
  }

  func close() async { await connection.close() }

  private func reading<Value: Sendable>(
    _ subject: String, _ body: @Sendable (isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    do {
      return try await connection.run(body)
    } catch let error as PostgresError {
      throw error.failure(error.endsConnection ? address : subject)
    }
  }
}
