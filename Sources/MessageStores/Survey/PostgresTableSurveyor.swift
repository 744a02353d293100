import Backfill
import PgVector
import Postgres

/// Looks at one source's table in PostgreSQL.
struct PostgresTableSurveyor: Sendable {
  let source: Source
  let dimensions: Int
  /// What names the database where the role may not read its system identifier.
  let address: String

  func survey(on connection: isolated PostgresConnection) throws -> TableSurvey {
    let name = source.quotedName
    let found = try connection.inspect(
      """
      SELECT c.oid, (parse_ident(c.relnamespace::regnamespace::text))[1] AS schema, c.relnamespace::regnamespace AS quoted,
        c.relkind AS kind, c.reltuples AS rows, c.relrowsecurity AS is_secured, row_security_active(c.oid) AS hides_rows,
        pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'USAGE') AS is_own,
        has_schema_privilege(c.relnamespace, 'CREATE') AS creates
      FROM pg_class c WHERE c.oid = to_regclass($1)::oid
      """, [.text(name)])
    guard let relation = found.first else { return TableSurvey(.missing) }
    let isPartitioned = relation["kind"] == "p"
    guard isPartitioned || relation["kind"] == "r" else { return TableSurvey(.other) }
    var survey = TableSurvey(isPartitioned ? .partitioned : .table)
    survey.rows = relation["rows"].flatMap { Double($0) }.flatMap { $0 >= 0 ? Int($0) : nil }
    survey.hasRowSecurity = relation.isTrue("is_secured")
    survey.hidesRows = relation.isTrue("hides_rows")
    survey.ownership = TableSurvey.Ownership(owner: relation["owner"] ?? "", isOwn: relation.isTrue("is_own"))
    survey.pieces = try pieces(on: connection)
    let table = try look(at: relation, into: &survey, on: connection)
    try lookAtIndexes(of: table, into: &survey, on: connection)
    survey.hooks = try PostgresHooks(of: table, on: connection).description
    try lookAtPublications(of: table, into: &survey, on: connection)
    if table.vectorNumber > 0 {
      try lookAtColumn(of: table, relation, into: &survey, on: connection)
    }
    (survey.refusal, survey.editWarnings) = try asARun(on: connection)
    return survey
  }

  private func pieces(on connection: isolated PostgresConnection) throws -> TableSurvey.Pieces? {
    guard source.chunks != nil else { return nil }
    let home = source.home
    let name = home.quotedName
    return try connection.inspect(
      """
      SELECT relkind = 'p' AS is_partitioned, pg_get_userbyid(relowner) AS owner, pg_has_role(relowner, 'USAGE') AS is_own
      FROM pg_class WHERE oid = to_regclass($1)::oid AND relkind IN ('r', 'p')
      """, [.text(name)]
    ).first.map { row in
      TableSurvey.Pieces(
        isPartitioned: row.isTrue("is_partitioned"),
        ownership: TableSurvey.Ownership(owner: row["owner"] ?? "", isOwn: row.isTrue("is_own")))
    }
  }

  /// The table's columns and its key; what the other statements are built from, also where a run would refuse it.
  private func look(
    at relation: PostgresRow, into survey: inout TableSurvey, on connection: isolated PostgresConnection
  ) throws -> PostgresTable {
    let oid = relation["oid"] ?? ""
    let columns = try PostgresColumn.all(of: oid, on: connection)
    var key = PostgresKey(columns: [])
    // What a view lacks, the refusal says.
    let read = try source.view.flatMap { view in
      try connection.inspect(
        "SELECT c.oid, (parse_ident(c.relnamespace::regnamespace::text))[1] AS schema FROM pg_class c "
          + "WHERE c.oid = to_regclass($1)::oid",
        [.text(view.quotedName)]
      ).first
    }
    let shown = try source.view == nil ? columns : PostgresColumn.all(of: read?["oid"] ?? "0", on: connection)
    do {
      let inspection = try PostgresKeyInspection(source: source, relation: oid, columns: columns, on: connection)
      key = inspection.key
      var named = source
      named.keys = key.columns.map(\.name)
      survey.named = named
      survey.key = named.key
      if source.chunks == nil,
        (source.text.columns ?? []).allSatisfy({ name in shown.contains { $0.name == name } }),
        columns.contains(where: { $0.name == source.vector })
      {
        let missing = try inspection.missingRowsIndex(isPartitioned: relation["kind"] == "p", on: connection)
        survey.missingRowsIndex = missing.index?.rawValue
        survey.missingRowsWarning = missing.warnings.first
      }
    } catch let failure as Failure {
      survey.keyRefusal = failure
    }
    let texts = source.text.columns ?? []
    let vectors = source.chunks == nil ? [source.vector] : []
    let wanted = key.columns.map(\.name) + vectors + (source.view == nil ? texts : [])
    let ofView = source.view == nil ? [] : shown.filter { texts.contains($0.name) && !wanted.contains($0.name) }
    survey.columns = (columns.filter { wanted.contains($0.name) } + ofView).map {
      TableSurvey.Column(name: $0.name, type: $0.declared, canRead: $0.canRead, canWrite: $0.canWrite)
    }
    let vector = columns.first { vectors.contains($0.name) }
    let pgvector = try PgVector.installed(on: connection)
    return PostgresTable(
      source: source, oid: oid, schema: relation["schema"] ?? "",
      view: source.view.map { TableName(schema: read?["schema"], $0.table) }, key: key,
      vectorNumber: vector.flatMap { Int($0.number) } ?? 0,
      vectorType: vector.flatMap { VectorType(rawValue: $0.type.name) } ?? .vector, dimensions: nil,
      pgvectorSchema: pgvector?.schema ?? "", keySchemas: [], indexes: SourceShape.Indexes(), warnings: [])
  }

  private func lookAtIndexes(
    of table: PostgresTable, into survey: inout TableSurvey, on connection: isolated PostgresConnection
  ) throws {
    survey.vectorIndexes = try connection.inspect(
      """
      SELECT c.relname AS name, m.amname AS method, o.opcname AS class, i.indisvalid AS is_valid,
        EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = $2::int) AS is_on_column
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      LEFT JOIN pg_opclass o ON o.oid = i.indclass[0]
      WHERE m.amname IN ('hnsw', 'ivfflat') AND i.indrelid = $1::oid ORDER BY 1
      """, [.text(table.oid), .text("\(table.vectorNumber)")]
    ).map { row in
      TableSurvey.VectorIndex(
        name: row["name"] ?? "", method: row["method"] ?? "", operatorClass: row["class"] ?? "",
        isValid: row.isTrue("is_valid"), isOnColumn: row.isTrue("is_on_column"))
    }
    survey.indexesAway = try TableIndexes(
      of: table.oid, isPartitioned: survey.kind == .partitioned, on: connection
    ).away
  }

  private func lookAtPublications(
    of table: PostgresTable, into survey: inout TableSurvey, on connection: isolated PostgresConnection
  ) throws {
    survey.publications = try connection.inspect(
      """
      SELECT p.pubname FROM pg_publication p JOIN pg_publication_tables t ON t.pubname = p.pubname
      WHERE p.pubupdate AND t.schemaname = $1 AND t.tablename = $2 ORDER BY 1
      """, [.text(table.schema), .text(source.table)]
    ).compactMap { $0[0] }
    survey.publicationsOfAllColumns = try Publications.ofAllColumns(of: table.oid, on: connection)
    guard table.vectorNumber > 0 else { return }
    do {
      try PostgresPublishing(table: table).check(on: connection)
    } catch let failure as Failure {
      survey.publishingRefusal = failure
    } catch let error as PostgresError where !error.endsConnection {
      // The column's own line names a missing right.
    }
  }

  /// What is recorded of the vector column, who fills it, and whether it has vectors.
  private func lookAtColumn(
    of table: PostgresTable, _ relation: PostgresRow, into survey: inout TableSurvey,
    on connection: isolated PostgresConnection
  ) throws {
    let records = try PostgresColumnRecords(of: table.place, address: address, on: connection)
    survey.identity = records.column
    do {
      let reading = try records.read(on: connection)
      survey.record = TableSurvey.Record(
        fingerprint: reading.recorded, isWritable: try isRecordWritable(relation, on: connection),
        warnings: reading.warnings)
    } catch let failure as Failure {
      survey.recordRefusal = failure
    }
    if let holder = try AdvisoryLock(named: table.place.lockName).holder(on: connection) {
      let name = holder["name"].flatMap { $0.isEmpty ? nil : $0 } ?? "another process"
      survey.lockHolder = name + (holder["address"].map { " at \($0)" } ?? "")
    }
    guard survey.column(source.vector)?.canRead == true,
      (source.text.columns ?? []).allSatisfy({ survey.column($0)?.canRead == true })
    else { return }
    do {
      let sample = try PostgresFilledSample(table: table, limit: 1).read(on: connection)
      survey.hasVectors = sample.isTimedOut ? nil : !sample.rows.isEmpty
    } catch let error as PostgresError where !error.endsConnection {
      // Row-level security, or another refusal that has a line of its own.
    }
  }

  private func isRecordWritable(
    _ relation: PostgresRow, on connection: isolated PostgresConnection
  ) throws -> Bool {
    let found = try OwnTable.all(
      PostgresColumnRecords.definition, in: relation["quoted"] ?? "", on: connection
    ).first
    guard let found else { return relation.isTrue("creates") }
    guard try found.isTrusted(forTable: relation["oid"] ?? "", on: connection) else { return false }
    return try connection.inspect(
      """
      SELECT has_table_privilege($1::oid, 'SELECT') AND has_table_privilege($1::oid, 'INSERT')
        AND has_table_privilege($1::oid, 'UPDATE') AND has_table_privilege($1::oid, 'DELETE') AS is_writable
      """, [.text(found.id)]
    )[0].isTrue("is_writable")
  }

  /// Why a run would not begin, and what it would say of edited rows, asked as the run itself asks.
  private func asARun(on connection: isolated PostgresConnection) throws -> (refusal: Failure?, editWarnings: [String])
  {
    do {
      let table = try PostgresInspection.table(of: source, dimensions: dimensions, for: .filling, on: connection)
      return (nil, table.editWarnings)
    } catch let failure as Failure {
      return (failure, [])
    } catch let error as PostgresError where !error.endsConnection {
      return (error.failure(source.name), [])
    }
  }
}
