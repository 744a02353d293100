import Backfill
import PgVector
import Postgres

/// The one table of a database in which processes share limits and budgets.
struct PostgresShareTable: Sendable {
  /// Quoted, with its schema.
  let name: String

  private static let definition = OwnTable.Definition.share

  /// Finds it, or makes it in the schema of the table that `source` fills.
  ///
  /// Throws a `Failure` where it can't be made or written, with what its owner has to run, or isn't to be trusted, or
  /// where there are several: two pools would be two limits.
  init(for source: Source, on connection: isolated PostgresConnection) throws {
    guard let filled = try PostgresColumnPlace.find(source, on: connection) else {
      throw Failure(.configuration, source.name, "there is no such table or column")
    }
    var found = try OwnTable.all(Self.definition, in: nil, on: connection)
    if found.isEmpty {
      try Self.create(in: filled.schema, for: source, on: connection)
      found = try OwnTable.all(Self.definition, in: nil, on: connection)
    }
    guard let table = found.first, found.count == 1 else {
      throw Failure(
        .configuration, Self.definition.name,
        "the database has more than one table of this name: \(found.map(\.name).joined(separator: ", "))",
        remedy: "keep one, so that all processes share the same limits")
    }
    guard try table.isTrusted(forTable: filled.table, on: connection) else {
      throw Failure(
        .configuration, table.name,
        "it is not as vecfill makes it, or belongs to a role that can't act for the owner of \(source.home.name)",
        remedy: "let the owner of \(source.home.name) or an administrator own it, or drop it")
    }
    let rights = try connection.inspect(
      """
      SELECT bool_and(has_table_privilege(c.oid, right_name)) AS has_all, quote_ident(current_user) AS role,
        CASE WHEN has_schema_privilege(c.relnamespace, 'USAGE') THEN '' ELSE
          format('GRANT USAGE ON SCHEMA %s TO %I; ', c.relnamespace::regnamespace, current_user) END AS usage
      FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) right_name, pg_class c WHERE c.oid = $1::oid GROUP BY c.relnamespace
      """, [.text(table.id)])
    guard table.isReadable, rights.first?.isTrue("has_all") == true else {
      let (role, usage) = (rights.first?["role"] ?? "", rights.first?["usage"] ?? "")
      throw Failure(
        .denied, table.name, "this role may not read and write it",
        remedy: "let its owner run: \(usage)GRANT \(Self.rights) ON \(table.name) TO \(role);")
    }
    name = table.name
  }

  /// The table where there is one to read; nil where there is none that can be read.
  static func existing(on connection: isolated PostgresConnection) throws -> String? {
    try OwnTable.all(definition, in: nil, on: connection).first { $0.isOwn && $0.isReadable }?.name
  }

  private static let rights = "SELECT, INSERT, UPDATE"

  private static func create(
    in schema: String, for source: Source, on connection: isolated PostgresConnection
  ) throws {
    let schema = try connection.inspect("SELECT quote_ident($1)", [.text(schema)])[0][0] ?? ""
    let table = "\(schema).\(definition.name)"
    do {
      try connection.transaction { connection in
        // Two processes whose tables are in different schemas would make two.
        try connection.execute("SET LOCAL lock_timeout = '5s'")
        try connection.execute("SELECT pg_advisory_xact_lock(\(AdvisoryLock(named: definition.name).key))")
        guard try connection.query("SELECT 1 FROM pg_class WHERE relname = '\(definition.name)'").isEmpty else {
          return
        }
        try connection.execute(definition.creation(of: table))
      }
    } catch let error as PostgresError where error.isDenied {
      throw try definition.denied(
        table, for: "`share: database` needs it", rights: rights,
        owner: "the owner of \(source.home.name) (with CREATE on the schema) or a superuser", on: connection)
    } catch let error as PostgresError where error.isMadeByAnother {
      // It is there.
    }
  }
}
