import Backfill
import PgVector
import Postgres

/// Reads how a schema change stands, letting PostgreSQL itself bring definitions into its own form.
enum PostgresCatalog {
  static func presence(of change: SchemaChange, on connection: isolated PostgresConnection) throws -> Presence {
    switch change {
    case .addColumn(let column):
      return try presence(of: column, on: connection)
    case .dropColumn(let table, let column):
      guard try exists(table, on: connection) else { return .noTable }
      return try type(of: column, in: table, on: connection) == nil ? .absent : .present()
    case .createIndex(let index):
      return try presence(of: index, on: connection)
    case .dropIndex(let name):
      return try exists(name, on: connection) ? .present() : .absent
    case .createExtension(let name), .dropExtension(let name):
      let found = try connection.query("SELECT 1 FROM pg_extension WHERE extname = $1", [.text(name)])
      return found.isEmpty ? .absent : .present()
    case .createFunction(let function):
      guard let body = try body(of: function.name, on: connection) else { return .absent }
      return body == function.body ? .present() : .invalid
    case .dropFunction(let name):
      return try body(of: name, on: connection) == nil ? .absent : .present()
    case .createTrigger(let trigger):
      return try presence(of: trigger, on: connection)
    case .dropTrigger(let name, let table):
      guard let table, try exists(table, on: connection) else { return .noTable }
      return try self.trigger(name.name, on: table, connection) == nil ? .absent : .present()
    }
  }

  static func exists(_ relation: SQLName, on connection: isolated PostgresConnection) throws -> Bool {
    try connection.query("SELECT to_regclass($1)", [.text(relation.quoted)])[0][0] != nil
  }

  private struct ColumnType: Equatable {
    /// The type's object id and modifier, which no search path changes.
    let id: String
    let name: String
    let isNullable: Bool
    let fallback: String?

    init(_ row: PostgresRow) {
      id = row["id"] ?? ""
      name = row["type"] ?? ""
      isNullable = !row.isTrue("not_null")
      fallback = row["fallback"]
    }
  }

  private static func type(
    of column: String, in table: SQLName, on connection: isolated PostgresConnection
  ) throws -> ColumnType? {
    try connection.query(
      """
      SELECT a.atttypid || ' ' || a.atttypmod AS id, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
        pg_get_expr(d.adbin, d.adrelid) AS fallback
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = to_regclass($1) AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
      """, [.text(table.quoted), .text(column)]
    ).first.map(ColumnType.init)
  }

  private static func presence(
    of column: SchemaChange.ColumnDefinition, on connection: isolated PostgresConnection
  ) throws -> Presence {
    guard try exists(column.table, on: connection) else { return .noTable }
    guard
      let found = try probing([], on: connection, { try type(of: column.column, in: column.table, on: $0) }) ?? nil
    else { return .absent }
    let probe = "CREATE TEMP TABLE vecfill_probe (\(column.column.quotedIdentifier) \(column.definition))"
    let wanted = try probing([probe], on: connection) { connection in
      try type(of: column.column, in: SQLName(schema: "pg_temp", "vecfill_probe"), on: connection)
    }
    guard let wanted = wanted ?? nil, wanted != found else { return .present() }
    guard wanted.id == found.id else { return .different("it is there as \(found.name)") }
    let fallback = found.fallback.map { "the default \($0)" } ?? "no default"
    return .present(note: "it is there, \(found.isNullable ? "nullable" : "NOT NULL") with \(fallback): left so")
  }

  private struct Index {
    let name: String
    let isValid: Bool
    let definition: String
    let columns: String
    let method: String

    init(_ row: PostgresRow) {
      name = row["name"] ?? ""
      isValid = row.isTrue("valid")
      definition = row["definition"] ?? ""
      columns = row["columns"] ?? ""
      method = row["method"] ?? ""
    }

    /// What makes two indexes equal: all of the definition but the names of the index and the table.
    var body: String {
      let unique = definition.hasPrefix("CREATE UNIQUE") ? "UNIQUE " : ""
      return unique + (definition.firstRange(of: " USING ").map { String(definition[$0.lowerBound...]) } ?? definition)
    }
  }

  private static func indexes(
    of table: SQLName, on connection: isolated PostgresConnection
  ) throws -> [Index] {
    try connection.query(
      """
      SELECT c.relname AS name, i.indisvalid AS valid, pg_get_indexdef(i.indexrelid) AS definition, m.amname AS method,
        array(SELECT a.attname FROM pg_depend d JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
          WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid
            AND d.refobjsubid > 0 ORDER BY 1)::text AS columns
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      WHERE i.indrelid = to_regclass($1) ORDER BY c.relname
      """, [.text(table.quoted)]
    ).map(Index.init)
  }

  private static func presence(
    of index: SchemaChange.IndexDefinition, on connection: isolated PostgresConnection
  ) throws -> Presence {
    guard try exists(index.table, on: connection) else { return .noTable }
    let present = try probing([], on: connection) { try indexes(of: index.table, on: $0) } ?? []
    let statements = [
      "CREATE TEMP TABLE vecfill_probe (LIKE \(index.table.quoted))",
      "CREATE \(index.isUnique ? "UNIQUE " : "")INDEX ON pg_temp.vecfill_probe \(index.body)",
    ]
    let probed = try probing(statements, on: connection) { connection in
      try indexes(of: SQLName(schema: "pg_temp", "vecfill_probe"), on: connection).first
    }
    let named = present.first { $0.name == index.name.name }
    if let named, !named.isValid { return .invalid }
    guard let wanted = probed ?? nil else { return named.map { .different("it is \($0.definition)") } ?? .absent }
    if let named { return named.body == wanted.body ? .present() : .different("it is \(named.definition)") }
    if let equal = present.first(where: { $0.isValid && $0.body == wanted.body }) {
      return .present(note: "the equal index \(equal.name) is adopted")
    }
    let isVector = ["hnsw", "ivfflat"].contains(wanted.method)
    if isVector, let other = present.first(where: { $0.method == wanted.method && $0.columns == wanted.columns }) {
      return other.isValid
        ? .different("another is on the column: \(other.definition)")
        : .different("an invalid one is on the column: DROP INDEX CONCURRENTLY \(other.name.quotedIdentifier) first")
    }
    return .absent
  }

  /// What `read` finds after `statements` in a transaction that is rolled back, with pgvector on the search path; nil
  /// where a statement refers to something that doesn't exist yet.
  private static func probing<Value: Sendable>(
    _ statements: [String], on connection: isolated PostgresConnection,
    _ read: @Sendable (isolated PostgresConnection) throws -> Value
  ) throws -> Value? {
    // What is only looked up changes nothing, whatever the role's sessions may do by default.
    do {
      try connection.execute("BEGIN READ WRITE")
    } catch let error as PostgresError where error.sqlState == "0A000" {
      throw Failure(
        .configuration, "migrations", "the database can only be read, as a standby",
        remedy: "connect to the primary, e.g. by target_session_attrs=read-write")
    }
    do {
      try connection.execute("SET LOCAL lock_timeout = '5s'; SET LOCAL client_min_messages = 'error'")
      try connection.addPgVectorToPath(isLocal: true)
      for statement in statements { try connection.execute(statement) }
      let value = try read(connection)
      try connection.execute("ROLLBACK")
      return value
    } catch let error as PostgresError where !error.endsConnection {
      try connection.execute("ROLLBACK")
      guard let state = error.sqlState, state.hasPrefix("42"), state != "42501" else { throw error }
      return nil
    }
  }
}

/// Triggers and the functions that they run.
extension PostgresCatalog {
  private static func body(of function: SQLName, on connection: isolated PostgresConnection) throws -> String? {
    try connection.query(
      "SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure($1)", [.text("\(function.quoted)()")]
    ).first?[0]
  }

  private struct Trigger {
    let isOn: Bool
    /// All of the definition but the names of the trigger and the table.
    let body: String
  }

  private static func trigger(
    _ name: String, on table: SQLName, _ connection: isolated PostgresConnection
  ) throws -> Trigger? {
    try connection.query(
      """
      SELECT tgenabled IN ('O', 'A') AS is_on, pg_get_triggerdef(oid) AS definition FROM pg_trigger
      WHERE tgrelid = to_regclass($1) AND tgname = $2 AND NOT tgisinternal
      """, [.text(table.quoted), .text(name)]
    ).first.map { row in
      let definition = row["definition"] ?? ""
      let event = definition.firstMatch(of: #/ (?:BEFORE|AFTER) .*? ON /#)?.0 ?? ""
      let body = definition.firstRange(of: " FOR EACH ").map { definition[$0.lowerBound...] } ?? definition[...]
      return Trigger(isOn: row.isTrue("is_on"), body: "\(event)\(body)")
    }
  }

  /// `invalid` for one that is switched off or has another definition.
  private static func presence(
    of trigger: SchemaChange.TriggerDefinition, on connection: isolated PostgresConnection
  ) throws -> Presence {
    guard try exists(trigger.table, on: connection) else { return .noTable }
    let name = trigger.name.quotedIdentifier
    let statements = [
      "CREATE TEMP TABLE vecfill_probe (LIKE \(trigger.table.quoted))",
      "CREATE TRIGGER \(name) \(trigger.event) ON pg_temp.vecfill_probe \(trigger.body)",
    ]
    guard
      let found = try probing([], on: connection, { try self.trigger(trigger.name, on: trigger.table, $0) }) ?? nil
    else { return .absent }
    let probed = try probing(statements, on: connection) { connection in
      try self.trigger(trigger.name, on: SQLName(schema: "pg_temp", "vecfill_probe"), connection)
    }
    return found.isOn && (probed ?? nil)?.body == found.body ? .present() : .invalid
  }
}
