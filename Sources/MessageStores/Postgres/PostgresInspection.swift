import Backfill
import PgVector
import Postgres

/// Finds a source in the catalogue and refuses, by a `Failure`, what can't be paged or filled.
struct PostgresInspection {
  private let source: Source
  private let access: StoreAccess
  /// Whether `source` is the table of the pieces of another source's texts, whose rows are never updated.
  private var isOfPieces = false

  /// The table that `source` names, checked for being filled with vectors of `dimensions`; without them, only for being
  /// read.
  static func table(
    of source: Source, dimensions: Int?, for access: StoreAccess, on connection: isolated PostgresConnection
  ) throws -> PostgresTable {
    try PostgresInspection(source: source, access: access).table(dimensions: dimensions, on: connection)
  }

  private func table(dimensions: Int?, on connection: isolated PostgresConnection) throws -> PostgresTable {
    guard try connection.serverVersion() >= 130_000 else {
      throw refusal("the server is older than PostgreSQL 13", "upgrade the server")
    }
    let relation = try relation(on: connection)
    guard access != .filling || !relation.isTrue("is_read_only") else {
      throw refusal(
        relation.isTrue("is_standby")
          ? "the database can only be read, as a standby"
          : "nothing can be written, since default_transaction_read_only is on for this role or database",
        relation.isTrue("is_standby")
          ? "connect to the primary, e.g. by target_session_attrs=read-write"
          : "switch it off, or connect as a role that may write")
    }
    let oid = relation["oid"] ?? ""
    let role = relation["role"] ?? ""
    let columns = Columns(of: source.name, all: try PostgresColumn.all(of: oid, on: connection), role: role)
    let key = try PostgresKeyInspection(source: source, relation: oid, columns: columns.all, on: connection)
    for column in key.key.columns {
      _ = try self.column(column.name, of: columns, missing: "name its primary key with `key` in the job")
    }
    if source.view == nil, let since = source.since { try checkSince(since, columns) }
    if source.view == nil { try checkText(columns) }
    if let column = newestBy {
      _ = try self.column(column, of: columns, missing: "name a column with order: in the job")
    }
    if try access == .preparing || access == .estimating && isYetToCome(columns, on: connection) {
      return try tableWithoutVectors(oid, relation, columns, key, on: connection)
    }
    let pgvector = try pgvector(role, on: connection)
    let home = try home(of: key.key, relation, columns, on: connection)
    let vector = try home.inspection.vectorColumn(
      home.columns, of: home.relation, dimensions: dimensions, on: connection)
    var missing: (index: MissingRowsIndex?, warnings: [String]) = (nil, [])
    if source.chunks == nil {
      missing = try key.missingRowsIndex(isPartitioned: relation["kind"] == "p", on: connection)
    }
    let (view, read) = try read(of: oid, key.key, columns, on: connection)
    let edits = try PostgresEdits.find(
      for: source, in: oid, schema: relation["schema"] ?? "", columns: columns.all, role: columns.role,
      for: access, key: key.key, on: connection)
    let editWarnings =
      try (edits?.warnings(of: source, columns: columns.all) ?? [])
      + PostgresOwnTriggers.warnings(of: source, in: oid, on: connection)
    var table = PostgresTable(
      source: source, zonedTexts: zoned(read), oid: oid, schema: relation["schema"] ?? "", view: view,
      key: key.key, vectorNumber: vector.number, vectorType: vector.type, dimensions: vector.dimensions,
      pgvectorSchema: pgvector.schema, keySchemas: key.schemas,
      missingRowsIndex: access == .planning ? nil : missing.index, edits: edits, takesAll: access == .planning,
      indexes: try indexes(of: home.relation, on: connection),
      warnings: (pgvector.warning.map { [$0] } ?? []) + missing.warnings + editWarnings)
    table.editWarnings = editWarnings
    if access == .filling, let column = newestBy {
      table.newest = try key.newest(by: column, isPartitioned: relation["kind"] == "p", on: connection)
      _ = try PostgresPage(table: table.byColumn, request: PageRequest(limit: 0), bytes: 0).read(on: connection)
    }
    if let chunks = source.chunks {
      table.pieces = PostgresPieces(
        oid: home.relation["oid"] ?? "", schema: home.relation["schema"] ?? "", table: chunks.table, key: key.key,
        vector: source.vector.quotedIdentifier)
    }
    try checkPage(of: table, on: connection)
    if access == .filling, source.chunks == nil { try PostgresPublishing(table: table).check(on: connection) }
    return table
  }

  /// The column by which the rows are read first, where any is asked for it.
  private var newestBy: String? {
    [.filling, .preparing].contains(access) && source.view == nil && source.chunks == nil ? source.newestBy : nil
  }

  private func checkPage(of table: PostgresTable, on connection: isolated PostgresConnection) throws {
    if case .sql = source.text { try checkExpression(of: table, on: connection) }
    if let since = source.since { try table.checkValue(of: since, on: connection) }
    if let place = source.conditionPlace { try table.checkCondition(at: place, on: connection) }
    do {
      _ = try PostgresPage(table: table, request: PageRequest(limit: 0), bytes: 0).read(on: connection)
    } catch let error as PostgresError where error.sqlState == "22P05" {
      throw refusal(
        "the job's text has a character that the database's encoding doesn't have",
        "write the template in characters that it has")
    }
    if access == .filling { try PostgresSteadiness(table: table).check(on: connection) }
  }

  /// Whether what holds the vectors, the column or the table of the pieces, is yet to be made.
  private func isYetToCome(_ columns: Columns, on connection: isolated PostgresConnection) throws -> Bool {
    guard source.chunks != nil else { return !columns.all.contains { $0.name == source.vector } }
    let home = source.home
    let name = home.quotedName
    return try connection.inspect("SELECT to_regclass($1) IS NULL AS is_missing", [.text(name)])[0].isTrue("is_missing")
  }

  private func tableWithoutVectors(
    _ oid: String, _ relation: PostgresRow, _ columns: Columns, _ key: PostgresKeyInspection,
    on connection: isolated PostgresConnection
  ) throws -> PostgresTable {
    let (view, read) = try read(of: oid, key.key, columns, on: connection)
    let table = PostgresTable(
      source: source, zonedTexts: zoned(read), oid: oid, schema: relation["schema"] ?? "", view: view, key: key.key,
      vectorNumber: 0, vectorType: .vector, dimensions: nil, pgvectorSchema: "", keySchemas: key.schemas,
      takesAll: true, lacksColumn: true, indexes: SourceShape.Indexes(), warnings: [])
    try checkPage(of: table, on: connection)
    return table
  }

  /// What is read: the view's name, nil where it is the table itself, and the columns.
  private func read(
    of relation: String, _ key: PostgresKey, _ columns: Columns, on connection: isolated PostgresConnection
  ) throws -> (view: TableName?, columns: Columns) {
    guard let view = try view(of: relation, key: key, columns, on: connection) else { return (nil, columns) }
    let read = Columns(of: source.reading.description, all: view.columns, role: columns.role)
    for column in key.columns { _ = try self.column(column.name, of: read, missing: Self.showIt) }
    if let since = source.since { try checkSince(since, read) }
    try checkText(read)
    return (view.name, read)
  }

  private static let showIt = "let the view show it"

  /// The view that is read; nil where it is the table itself.
  private func view(
    of relation: String, key: PostgresKey, _ columns: Columns, on connection: isolated PostgresConnection
  ) throws -> PostgresView? {
    guard let view = source.view else { return nil }
    // Before the column is made, no view shows it.
    let names = key.columns.map(\.name) + (access == .preparing ? [] : [source.vector])
    return try PostgresView(
      view, of: source, relation: relation, needed: columns.all.filter { names.contains($0.name) }, on: connection)
  }

  private func checkSince(_ since: Since, _ columns: Columns) throws {
    _ = try column(since.column, of: columns, missing: "name a column with since: in the job")
  }

  /// Where the vectors are: the table itself, or that of its pieces.
  private struct Home {
    let inspection: PostgresInspection
    let relation: PostgresRow
    let columns: Columns
  }

  private func home(
    of key: PostgresKey, _ relation: PostgresRow, _ columns: Columns, on connection: isolated PostgresConnection
  ) throws -> Home {
    guard source.chunks != nil else { return Home(inspection: self, relation: relation, columns: columns) }
    let inspection = PostgresInspection(source: source.home, access: access, isOfPieces: true)
    let pieces = try inspection.relation(on: connection, missing: Self.make)
    let oid = pieces["oid"] ?? ""
    let all = Columns(of: source.home.name, all: try PostgresColumn.all(of: oid, on: connection), role: columns.role)
    for name in key.columns.map(\.name) + Chunks.columns {
      _ = try inspection.column(name, of: all, missing: Self.make)
    }
    guard access == .filling else { return Home(inspection: inspection, relation: pieces, columns: all) }
    let rights = try connection.inspect(
      """
      SELECT has_any_column_privilege($1::oid, 'UPDATE') AS may_lock, has_table_privilege($2::oid, 'INSERT')
        AND has_table_privilege($2::oid, 'DELETE') AS may_write
      """, [.text(relation["oid"] ?? ""), .text(oid)])[0]
    guard rights.isTrue("may_write") else {
      throw Failure(
        .denied, source.home.name, "the role \(columns.role) lacks the right to INSERT and DELETE",
        remedy: "GRANT SELECT, INSERT, DELETE ON \(source.home.name) TO \(columns.role.quotedIdentifier)")
    }
    guard rights.isTrue("may_lock") else {
      throw Failure(
        .denied, source.name,
        "the role \(columns.role) can't lock its rows: PostgreSQL asks for the right to UPDATE a column",
        remedy: "GRANT UPDATE (\(source.key)) ON \(source.name) TO \(columns.role.quotedIdentifier)")
    }
    return Home(inspection: inspection, relation: pieces, columns: all)
  }

  /// What a load has to know of the vector indexes; nothing for who only reads.
  private func indexes(
    of relation: PostgresRow, on connection: isolated PostgresConnection
  ) throws -> SourceShape.Indexes {
    guard access == .filling else { return SourceShape.Indexes() }
    let found = try TableIndexes(
      of: relation["oid"] ?? "", isPartitioned: relation["kind"] == "p", on: connection)
    return SourceShape.Indexes(
      present: found.present, mayBeAway: found.mayBeAway, warnings: found.warnings,
      tableRows: relation["rows"].flatMap { Double($0) }.flatMap { $0 >= 0 ? Int($0) : nil })
  }

  private func refusal(
    _ reason: String, _ remedy: String, column: String? = nil, of columns: Columns? = nil
  ) -> Failure {
    let owner = columns?.owner ?? source.name
    return Failure(.configuration, column.map { "\(owner).\($0)" } ?? owner, reason, remedy: remedy)
  }

  private static let make = "`vecfill migrate up JOB` makes it"
  private static let fillAnother =
    "name a new column with vector: in the job and run `vecfill migrate up JOB`"

  private func relation(
    on connection: isolated PostgresConnection,
    missing remedy: String = "check its name, its schema and the search path, and DATABASE_URL"
  ) throws -> PostgresRow {
    let name = source.quotedName
    let found = try connection.inspect(
      """
      SELECT c.oid, (parse_ident(c.relnamespace::regnamespace::text))[1] AS schema, c.relkind AS kind,
        c.reltuples AS rows, row_security_active(c.oid) AS hides_rows, current_user AS role,
        getdatabaseencoding() AS encoding, current_setting('transaction_read_only')::boolean AS is_read_only,
        pg_is_in_recovery() AS is_standby
      FROM pg_class c WHERE c.oid = to_regclass($1)::oid
      """, [.text(name)])
    guard let relation = found.first else {
      throw refusal("there is no such table", remedy)
    }
    guard relation["kind"] == "r" || relation["kind"] == "p" else {
      throw source.noTable(kind: relation["kind"])
    }
    guard !relation.isTrue("hides_rows") else {
      throw Failure(
        .denied, source.name, "row-level security hides rows from the role \(relation["role"] ?? "")",
        remedy: "connect as the table's owner or as a role with BYPASSRLS")
    }
    guard relation["encoding"] != "SQL_ASCII" else {
      throw refusal("the database's encoding SQL_ASCII leaves open what its bytes mean", "convert it to UTF8")
    }
    return relation
  }

  /// A table's columns, and the role that asks for them.
  private struct Columns {
    /// What they are of, as a person writes it.
    let owner: String
    let all: [PostgresColumn]
    let role: String

    init(of owner: String, all: [PostgresColumn], role: String) {
      (self.owner, self.all, self.role) = (owner, all, role)
    }
  }

  /// The column, once its rights suffice; a domain counts as its base type.
  private func column(
    _ name: String, of columns: Columns, written: Bool = false, missing remedy: String
  ) throws -> PostgresColumn {
    guard let column = columns.all.first(where: { $0.name == name }) else {
      throw refusal("there is no such column", remedy, column: name, of: columns)
    }
    for (right, isGiven) in [("SELECT", column.canRead), ("UPDATE", !written || column.canWrite)] where !isGiven {
      throw Failure(
        .denied, "\(columns.owner).\(name)", "the role \(columns.role) lacks the right to \(right)",
        remedy: "GRANT \(right) ON \(columns.owner) TO \(columns.role.quotedIdentifier)")
    }
    return column
  }

  /// The columns of the text whose form depends on the session's time zone.
  private func zoned(_ columns: Columns) -> Set<String> {
    Set(columns.all.filter { $0.type.schema == "pg_catalog" && $0.type.name == "timestamptz" }.map(\.name))
  }

  /// Checks the columns that the text is made of.
  private func checkText(_ columns: Columns) throws {
    for name in source.text.columns ?? [] {
      let text = try column(name, of: columns, missing: "correct `text` in the job: it names the columns to read")
      if case .column = source.text {
        guard text.type.category == "S" else {
          throw refusal(
            "it holds \(text.declared), not text", text.adviceForText, column: name, of: columns)
        }
      } else {
        guard text.type.hasSteadyText else {
          throw refusal(
            "it holds \(text.declared), whose text form is not the same everywhere",
            "leave it out of the text, or write text: {sql: ...} with a cast of your own", column: name, of: columns)
        }
      }
    }
  }

  /// Asks the server whether the text's SQL can be asked of a row: in a condition, where an update needs it.
  private func checkExpression(of table: PostgresTable, on connection: isolated PostgresConnection) throws {
    do {
      _ = try connection.query(
        "SELECT FROM \(table.read) WHERE \(table.text) IS NULL LIMIT 0", under: table.settings(.seconds(10)))
    } catch let error as PostgresError where error.isOfStatement {
      throw refusal(
        "PostgreSQL refuses the SQL of its text: \(error.statementReason)",
        "correct text: {sql: ...} in the job; it is one expression over the columns of \(source.reading)")
    }
  }

  private func pgvector(_ role: String, on connection: isolated PostgresConnection) throws -> PgVector {
    guard let pgvector = try PgVector.installed(on: connection) else {
      throw refusal("the database has no pgvector", "`vecfill migrate up JOB` installs it")
    }
    // Whoever measures vectors calls its functions by name.
    if access == .verifying {
      let right = try connection.inspect(
        "SELECT has_schema_privilege($1, 'USAGE') AS is_given", [.text(pgvector.schema)])[0]
      guard right.isTrue("is_given") else {
        throw Failure(
          .denied, source.name, "the role \(role) lacks the right to use pgvector's schema \(pgvector.schema)",
          remedy: "GRANT USAGE ON SCHEMA \(pgvector.schema.quotedIdentifier) TO \(role.quotedIdentifier)")
      }
    }
    return pgvector
  }

  private func vectorColumn(
    _ columns: Columns, of relation: PostgresRow, dimensions: Int?, on connection: isolated PostgresConnection
  ) throws -> (number: Int, type: VectorType, dimensions: Int?) {
    let column = try column(source.vector, of: columns, written: access == .filling && !isOfPieces, missing: Self.make)
    guard let type = VectorType(rawValue: column.type.name) else {
      throw refusal("it holds \(column.declared), not vectors", Self.fillAnother, column: source.vector)
    }
    guard !column.isGenerated else {
      throw refusal("it is a generated column", Self.fillAnother, column: source.vector)
    }
    // pgvector's type modifier is the dimension.
    let declared = column.modifier.flatMap { $0 > 0 ? $0 : nil }
    let found = try declared ?? PostgresFilledSample.dimensions(of: source, on: connection)
    if let dimensions, let found, found != dimensions, access != .planning {
      let recorded = try PostgresColumnRecords.fingerprint(
        table: relation["oid"] ?? "", in: relation["schema"] ?? "", column: column.number, on: connection)
      throw refusal(
        "it holds vectors of \(found) dimensions\(recorded.map { " [\($0)]" } ?? ""), the job's have \(dimensions)",
        "set dimensions: \(found) and the model that made them, or \(Self.fillAnother)", column: source.vector)
    }
    return (Int(column.number) ?? 0, type, declared)
  }
}
