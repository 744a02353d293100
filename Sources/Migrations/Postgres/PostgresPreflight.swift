import Backfill
import Postgres

/// What can be known of a script before it runs: an extension's availability, right and version.
enum PostgresPreflight {
  /// The lowest pgvector without a warning: 0.8.2 mends a parallel HNSW build, 0.8.3 the vacuum of an HNSW index.
  static let safeVersion = [0, 8, 3]

  /// Warnings; throws a `Failure` where the script can't succeed.
  static func check(_ script: MigrationScript, on connection: isolated PostgresConnection) throws -> [String] {
    var warnings: [String] = []
    for change in script.statements.compactMap(SchemaChange.init) {
      switch change {
      case .createExtension(let name):
        warnings += try checkExtension(name, on: connection)
      case .createIndex(let index) where index.body.lowercased().contains("hnsw"):
        let found = try connection.query("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        if let warning = found.first?[0].flatMap(warning(ofVector:)) { warnings.append(warning) }
      default:
        break
      }
    }
    return warnings
  }

  static func warning(ofVector version: String) -> String? {
    let parts = version.split(separator: ".").map { Int($0) ?? 0 }
    guard parts.lexicographicallyPrecedes(safeVersion) else { return nil }
    return "pgvector \(version) can damage an HNSW index while it is built or vacuumed: upgrade to 0.8.3 or later"
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
      let package = name == "vector" ? "postgresql-\(found.first?["major"] ?? "NN")-pgvector" : "its package"
      throw Failure(
        .configuration, "extension \(name)", "the server doesn't have it",
        remedy: "install \(package) on the database's server, or switch it on at the provider")
    }
    if row["installed"] == nil, !row.isTrue("super") {
      if row.isTrue("trusted"), !row.isTrue("creates") {
        throw Failure(
          .denied, "extension \(name)", "the role \(row["role"] ?? "") may not create it",
          remedy:
            "GRANT CREATE ON DATABASE \((row["database"] ?? "").quotedIdentifier) TO it, or have a superuser run CREATE EXTENSION \(name)"
        )
      }
      if !row.isTrue("trusted") {
        return ["extension \(name) is not trusted: CREATE EXTENSION needs a superuser or the provider's admin role"]
      }
    }
    return name == "vector" ? [warning(ofVector: version)].compactMap(\.self) : []
  }
}
