import Backfill
import PgVector
import Postgres

/// What can be known of a script before it runs: an extension's availability, right and version.
enum PostgresPreflight {
  /// Warnings; throws a `Failure` where the script can't succeed.
  static func check(_ script: MigrationScript, on connection: isolated PostgresConnection) throws -> [String] {
    var warnings: [String] = []
    for change in script.statements.compactMap(SchemaChange.init) {
      switch change {
      case .createExtension(let name):
        warnings += try checkExtension(name, on: connection)
      case .createIndex(let index) where index.body.lowercased().contains("hnsw"):
        if let warning = try PgVector.installed(on: connection)?.warning { warnings.append(warning) }
      default:
        break
      }
    }
    return warnings
  }

  private static func checkExtension(_ name: String, on connection: isolated PostgresConnection) throws -> [String] {
    let found = try connection.query(
      """
      SELECT a.installed_version AS installed, a.default_version AS version, v.trusted,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super,
        has_database_privilege(current_database(), 'CREATE') AS creates, current_user AS role,
        current_database() AS database, current_setting('server_version_num')::int / 10000 AS major
      FROM (SELECT) one LEFT JOIN pg_available_extensions a ON a.name = $1
      LEFT JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
      """, [.text(name)])
    guard let row = found.first, let version = row["installed"] ?? row["version"] else {
      let package = name == PgVector.name ? "postgresql-\(found.first?["major"] ?? "NN")-pgvector" : "its package"
      throw Failure(
        .configuration, "extension \(name)", "the server doesn't have it",
        remedy: "install \(package) on the database's server, or switch it on at the provider")
    }
    if row["installed"] == nil, !row.isTrue("super") {
      if row.isTrue("trusted"), !row.isTrue("creates") {
        throw Failure(
          .denied, "extension \(name)", "the role \(row["role"] ?? "") may not create it",
          remedy:
            "GRANT CREATE ON DATABASE \((row["database"] ?? "").quotedIdentifier) TO \((row["role"] ?? "").quotedIdentifier), or have a superuser run CREATE EXTENSION \(name)"
        )
      }
      if !row.isTrue("trusted") {
        return ["extension \(name) is not trusted: CREATE EXTENSION needs a superuser or the provider's admin role"]
      }
    }
    return name == PgVector.name ? [PgVector.warning(ofVersion: version)].compactMap(\.self) : []
  }
}
