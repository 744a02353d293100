import Backfill
import PgVector
import Postgres

/// A source's table as the catalogue has it, for the change of its vector column.
struct ReembeddedTable: Sendable {
  struct Column: Equatable, Sendable {
    let number: Int
    /// nil where it holds no vectors.
    let type: VectorType?
    /// nil where it declares none.
    let dimensions: Int?
    /// How it is stored: p, e, m or x.
    let storage: String
    let comment: String?
    let isNotNull: Bool
    let isGenerated: Bool
  }

  let source: Source
  let id: String
  /// With its schema.
  let name: SQLName
  /// The schema, quoted.
  let schema: String
  let columns: [String: Column]
  let pgvector: PgVector?
  let isPartitioned: Bool
  /// The bytes of its rows, without what is stored apart and without indexes.
  let bytes: Int
  private let isOwned: Bool
  private let role: String

  var records: ReembeddingRecords { ReembeddingRecords(table: name, id: id, schema: schema) }

  /// Throws a `Failure` with `.configuration` where there is no such table.
  init(_ source: Source, on connection: isolated PostgresConnection) throws {
    self.source = source
    let found = try connection.query(
      """
      SELECT c.oid AS id, n.nspname AS schema, quote_ident(n.nspname) AS quoted, c.relname AS name,
        c.relkind = 'p' AS partitioned, pg_has_role(c.relowner, 'USAGE') AS owned, current_user AS role,
        (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(c.oid)) AS tree, pg_relation_size(c.oid) AS bytes
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')
      """, [.text(source.tableName.quoted)])
    guard let row = found.first, let id = row["id"] else { throw JobTable.noTable(source) }
    self.id = id
    name = SQLName(schema: row["schema"], row["name"] ?? "")
    schema = row["quoted"] ?? ""
    isPartitioned = row.isTrue("partitioned")
    isOwned = row.isTrue("owned")
    role = row["role"] ?? ""
    bytes = (row["tree"] ?? row["bytes"]).flatMap(Int.init) ?? 0
    pgvector = try PgVector.installed(on: connection)
    let rows = try connection.query(
      """
      SELECT a.attname AS name, a.attnum AS number, b.typname AS base, a.atttypmod AS modifier, a.attstorage AS storage, a.attnotnull AS not_null,
        a.attgenerated <> '' AS generated, col_description(a.attrelid, a.attnum) AS comment
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
      WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
      """, [.text(id)])
    columns = Dictionary(
      rows.map { row in
        let type = row["base"].flatMap(VectorType.init)
        return (
          row["name"] ?? "",
          Column(
            number: row["number"].flatMap(Int.init) ?? 0, type: type,
            dimensions: row["modifier"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil }, storage: row["storage"] ?? "",
            comment: row["comment"], isNotNull: row.isTrue("not_null"), isGenerated: row.isTrue("generated"))
        )
      }, uniquingKeysWith: { first, _ in first })
  }

  /// The column of that name; throws a `Failure` with `.configuration` where there is none.
  func column(_ name: String) throws(Failure) -> Column {
    guard let column = columns[name] else { throw refusal("it has no column \(name)", "check the job's names") }
    return column
  }

  /// Throws a `Failure` where the vector column can't be changed to another model.
  func check(on connection: isolated PostgresConnection) throws {
    guard isOwned else {
      throw Failure(
        .denied, source.name, "only its owner can add and rename its columns, and the role \(role) is not",
        remedy: "name the owner in VECFILL_MIGRATION_DATABASE_URL")
    }
    let column = try column(source.vector)
    guard column.type != nil else {
      throw refusal("its column \(source.vector) holds no vectors", "name the vector column in the job")
    }
    guard !column.isNotNull else {
      throw refusal(
        "its column \(source.vector) is NOT NULL, and a row that comes during the change has no vector of the new model",
        "ALTER TABLE \(source.tableName.quoted) ALTER COLUMN \(source.vector.quotedIdentifier) DROP NOT NULL")
    }
    try ReembeddingDigests(table: self).check(on: connection)
    try checkText(on: connection)
    guard !column.isGenerated else { throw refusal("its column \(source.vector) is generated", "name another column") }
    let followers = try followers(of: source.vector, on: connection) { TriggerName.isOwn($0) }
    guard followers.isEmpty else {
      throw refusal(
        "\(followers.joined(separator: ", ")) would go on reading the old column after the switch: PostgreSQL follows "
          + "it through its renaming",
        "drop what reads \(source.vector), change the model, and make it again")
    }
  }

  /// Throws a `Failure` with `.configuration` where no trigger can see that the text is edited: it would take each update for
  /// an edit, or can't be made.
  private func checkText(on connection: isolated PostgresConnection) throws {
    let obstacle = source.obstacleToTrigger(
      unwatchable: try source.obstacleToWatching(name.quoted, on: connection),
      generated: columns.filter(\.value.isGenerated).keys.sorted())
    if let obstacle { throw refusal(obstacle, "name the columns that it is made of as the job's text") }
  }

  /// What goes by the column and not by its name: views, generated columns, policies, publications, and triggers but those of which
  /// `isRenewed` says that they are made again; on the partitions, too.
  func followers(
    of column: String, on connection: isolated PostgresConnection, but isRenewed: (_ trigger: String) -> Bool
  ) throws -> [String] {
    try connection.query(
      """
      SELECT DISTINCT CASE
          WHEN d.classid = 'pg_rewrite'::regclass THEN (SELECT CASE c.relkind WHEN 'm' THEN 'the materialized view '
              WHEN 'v' THEN 'the view ' ELSE 'a rule of ' END || c.oid::regclass::text
            FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.oid = d.objid)
          WHEN d.classid = 'pg_policy'::regclass THEN 'the policy ' || (SELECT polname FROM pg_policy WHERE oid = d.objid)
          WHEN d.classid = 'pg_attrdef'::regclass THEN 'a generated column'
          WHEN d.classid = 'pg_publication_rel'::regclass THEN 'the column list or the condition of the publication '
            || (SELECT p.pubname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.oid = d.objid)
          WHEN d.classid = 'pg_trigger'::regclass THEN 'the trigger ' || (SELECT tgname FROM pg_trigger WHERE oid = d.objid)
        END AS name,
        CASE WHEN d.classid = 'pg_trigger'::regclass THEN (SELECT tgname FROM pg_trigger WHERE oid = d.objid) END AS trigger
      FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      WHERE d.refclassid = 'pg_class'::regclass AND a.attname = $2
        AND (d.refobjid = $1::oid OR d.refobjid IN (SELECT relid FROM pg_partition_tree($1::oid)))
        AND NOT (d.classid = 'pg_attrdef'::regclass AND d.deptype = 'a' AND EXISTS (SELECT FROM pg_attrdef f
          WHERE f.oid = d.objid AND f.adrelid = d.refobjid AND f.adnum = d.refobjsubid))
      """, [.text(id), .text(column)]
    ).filter { row in !(row["trigger"].map(isRenewed) ?? false) }.compactMap { $0["name"] }.sorted()
  }

  /// How many rows have a vector in `column` and don't meet the source's condition.
  func rowsLeftOut(of column: String, on connection: isolated PostgresConnection) throws -> Int {
    guard let condition = source.condition else { return 0 }
    return try connection.transaction { connection in
      try connection.execute("SET LOCAL statement_timeout = '10min'")
      // The line breaks keep a comment in the condition from swallowing what follows.
      return try connection.query(
        """
        SELECT count(*) FROM \(name.quoted) AS \(source.table.quotedIdentifier)
        WHERE \(column.quotedIdentifier) IS NOT NULL AND (
        \(condition)
        ) IS NOT TRUE
        """)[0][0].flatMap(Int.init) ?? 0
    }
  }

  /// The tables that rows can be written to: itself, and those that inherit from it.
  func parts(on connection: isolated PostgresConnection) throws -> [SQLName] {
    // It is asked in a transaction, and so not by what begins one of its own.
    [source.tableName] + (isPartitioned ? [] : try JobTable.heirs(of: source.tableName.quoted, on: connection))
  }

  func refusal(_ reason: String, _ remedy: String) -> Failure {
    Failure(.configuration, source.name, reason, remedy: remedy)
  }
}
