import PgVector
import Postgres

/// What a transaction of the store's sets for itself alone, whatever the role, the database or a pooler sets.
struct PostgresSettings: Equatable, Sendable {
  /// A statement's own limit.
  var statementTimeout: Duration = .seconds(60)
  /// How long one lock is waited for. Without it, the wait ends a little before the statement's limit: an error that
  /// is about a lock can be tried again.
  var lockTimeout: Duration?
  /// Schemas that the types of the key need on the search path, behind the role's own.
  var schemas: [String] = []
  /// Whether the transaction may write nothing.
  var isReadOnly = false
  /// Whether what an SQL expression may depend on is set too: the time zone, and the forms of binary data, money and
  /// dates.
  var pinsExpressions = false
  /// Whether a function's cost outweighs all else, as `PostgresTable.lacking` needs it.
  var weighsFunctions = false
  /// The model that vectors are written of; nil where none is said.
  var writtenModel: String?

  var sql: String {
    var settings = [
      ("statement_timeout", Self.milliseconds(statementTimeout)),
      ("lock_timeout", Self.milliseconds(lockTimeout ?? statementTimeout * 0.9)),
      // Where row-level security would hide rows, an error is told in their place.
      ("row_security", "'off'"),
      // The catalogue's definitions are compared as text.
      ("quote_all_identifiers", "'off'"),
      // A key's text form must not depend on the session's.
      ("DateStyle", "'ISO'"), ("IntervalStyle", "'postgres'"), ("extra_float_digits", "'1'"),
      // A bounded statement is over before a compiler or a second process could help it.
      ("jit", "'off'"), ("max_parallel_workers_per_gather", "'0'"),
      // What is reported as written is on disk. A stronger setting stays.
      (
        "synchronous_commit",
        """
        CASE pg_catalog.current_setting('synchronous_commit') WHEN 'off' THEN 'on'
          ELSE pg_catalog.current_setting('synchronous_commit') END
        """
      ),
    ]
    if !schemas.isEmpty {
      let appended = schemas.map(\.quotedIdentifier).joined(separator: ", ").replacing("'", with: "''")
      let own = "nullif(pg_catalog.current_setting('search_path'), '')"
      settings.append(("search_path", "pg_catalog.concat_ws(', ', \(own), '\(appended)')"))
    }
    if isReadOnly { settings.append(("transaction_read_only", "'on'")) }
    if let writtenModel {
      let literal = writtenModel.replacing("\\", with: "\\\\").replacing("'", with: "''")
      settings.append((VectorWriter.setting, "E'\(literal)'"))
    }
    if pinsExpressions {
      settings += [("TimeZone", "'UTC'"), ("bytea_output", "'hex'"), ("xmlbinary", "'base64'")]
      settings += ["lc_monetary", "lc_numeric", "lc_time"].map { ($0, "'C'") }
    }
    if weighsFunctions { settings.append(("cpu_operator_cost", "'100'")) }
    return "SELECT " + settings.map { "pg_catalog.set_config('\($0)', \($1), true)" }.joined(separator: ", ")
      + ", \(Self.noTransactionTimeout)"
  }

  /// Each statement has its own limit, and a transaction of several may take longer. PostgreSQL 17 or later knows this one.
  private static let noTransactionTimeout = """
    CASE WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL
      THEN pg_catalog.set_config('transaction_timeout', '0', true) END
    """

  private static func milliseconds(_ duration: Duration) -> String { "'\(Int(duration / .milliseconds(1)))ms'" }
}

extension PostgresPipeline {
  /// Adds the settings, to be in force up to the end of the transaction.
  mutating func add(_ settings: PostgresSettings) throws { try add(settings.sql) }
}

extension PostgresConnection {
  /// Runs one statement in a transaction of its own under `settings`, in one round trip.
  func query(
    _ sql: String, _ parameters: [PostgresValue] = [], format: Format = .text, under settings: PostgresSettings
  ) throws -> PostgresResult {
    let segments = try segments { pipeline in
      try pipeline.add(settings)
      try pipeline.add(sql, parameters, format: format)
    }
    guard let result = try segments.first?.get().last else { throw PostgresError(message: "no result") }
    return result
  }
}
