import Backfill
import Foundation
import PgVector
import Postgres

/// Does what the change of a column to another model asks of its PostgreSQL database, step by step.
///
/// Each step is one transaction with the record of it, or an index that is built concurrently and found again: whatever
/// kills the process, the same command goes on. Its errors are `Failure`s, or a `CancellationError` once the task was
/// cancelled.
package struct Reembedder: Sendable {
  let pair: PostgresPair
  let narrator: Narrator
  var patience = LockPatience()

  /// Runs `body` on connections to `url`, the own address, past any pooler, of what `database` is the address of.
  package static func with<Value>(
    _ url: DatabaseURL, of database: DatabaseURL, applicationName: String, narrator: Narrator,
    _ body: (Reembedder) async throws -> Value
  ) async throws -> Value {
    try await PostgresPair.with(url, applicationName: applicationName) { pair in
      if url != database { try await pair.check(isAlsoAt: database, applicationName: applicationName) }
      return try await body(Reembedder(pair: pair, narrator: narrator))
    }
  }

  /// How far the reembedding of the source's column is; nil where there is none.
  package func read(_ source: Source) async throws -> Reembedding? {
    try await reporting(source.name) {
      try await pair.watcher.run { connection in
        try Self.read(try ReembeddedTable(source, on: connection), on: connection)
      }
    }
  }

  /// nil also where it is one of a table that is gone, whose name this one has.
  private static func read(
    _ table: ReembeddedTable, on connection: isolated PostgresConnection
  ) throws -> Reembedding? {
    guard var reembedding = try table.records.read(table.source.vector, on: connection) else { return nil }
    guard table.columns[reembedding.columnBeside] == nil else { return reembedding }
    reembedding.isHalfDropped = true
    return try triggers(reembedding, table, on: connection).areLeft(on: connection) ? reembedding : nil
  }

  /// What the column's vectors are made of, as the database has recorded it; nil where it hasn't.
  package func fingerprint(_ source: Source) async throws -> Fingerprint? {
    try await reporting(source.name) {
      try await pair.watcher.run { connection in
        let table = try ReembeddedTable(source, on: connection)
        guard let number = table.columns[source.vector]?.number,
          let records = try OwnTable.all(.columnRecords, in: table.schema, on: connection).first, records.isReadable,
          try records.isTrusted(forTable: table.id, on: connection)
        else { return nil }
        return try connection.query(
          """
          SELECT fingerprint FROM ONLY \(records.name) WHERE table_id = $1::oid AND column_number = $2::smallint
          ORDER BY recorded_at DESC LIMIT 1
          """, [.text(table.id), .text(String(number))]
        ).first?[0].map { try Fingerprint(recorded: $0, of: source.name, in: records.name) }
      }
    }
  }

  /// What there is to know of the column before it is changed; throws a `Failure` where it can't be.
  package func survey(_ source: Source, dimensions: Int, isIndexWanted: Bool) async throws -> Survey {
    try await reporting(source.name) {
      try await pair.watcher.run { connection in
        let table = try ReembeddedTable(source, on: connection)
        try table.check(on: connection)
        let indexes = try ReembeddedIndexes(
          of: table, former: source.vector, new: Reembedding.beside(source.vector, "_new"), dimensions: dimensions,
          isWanted: isIndexWanted, on: connection)
        let publications = try Publications.ofAllColumns(of: table.id, on: connection)
        let present = try TableIndexes(of: table.id, isPartitioned: table.isPartitioned, on: connection)
        return Survey(
          bytes: table.bytes, formerDimensions: table.columns[source.vector]?.dimensions,
          type: ReembeddedIndexes.type(former: table.columns[source.vector]?.type, dimensions: dimensions),
          planned: indexes.planned.map(\.names.name), present: present.present, away: present.away,
          leftOut: try table.rowsLeftOut(of: source.vector, on: connection),
          notes: indexes.notes + [Self.note(publications, source)].compactMap(\.self))
      }
    }
  }

  /// What the subscribers of a table need before it gets another column; nil where nobody is sent all its columns.
  private static func note(_ publications: [String], _ source: Source) -> String? {
    guard !publications.isEmpty else { return nil }
    let columns = ["_new", "_old"].map { Reembedding.beside(source.vector, $0) }.joined(separator: " and ")
    return
      "\(source.name) is sent to the subscribers of \(publications.joined(separator: ", ")): add \(columns) to their "
      + "tables before you begin, else their replication stops"
  }

  package struct Survey: Sendable {
    /// Of the table's rows, without what is stored apart and without indexes.
    package let bytes: Int
    /// nil where the column declares none.
    package let formerDimensions: Int?
    /// The type of the new column.
    package let type: VectorType
    /// The indexes that are made for the new column, by the names of the former column's.
    package let planned: [String]
    /// The table's vector indexes, on whatever column.
    package let present: [String]
    /// Those that an earlier load dropped.
    package let away: [String]
    /// Rows that have a vector and don't meet the job's `where`.
    package let leftOut: Int
    package let notes: [String]
  }

  /// Makes the new column with its triggers, and records the reembedding, in one transaction.
  package func begin(_ source: Source, job: String, former: String, target: Reembedding.Target, keepDays: Int)
    async throws
  {
    try await reporting(source.name) {
      try await exclusively {
        let table = try await table(source)
        let reembedding = Reembedding(
          table: table.name, column: source.vector, job: job, former: former, target: target, keepDays: keepDays)
        try await change(reembedding.place, of: [source.tableName]) { connection in
          let table = try ReembeddedTable(source, on: connection)
          try table.check(on: connection)
          if try Self.read(table, on: connection) != nil { return }
          try Self.begin(reembedding, table, on: connection)
        }
        narrator.tell("\(reembedding.place): its new column is \(reembedding.newColumn)")
      }
    }
  }

  private static func begin(
    _ reembedding: Reembedding, _ table: ReembeddedTable, on connection: isolated PostgresConnection
  ) throws {
    let (new, former) = (reembedding.newColumn, try table.column(reembedding.column))
    guard table.columns[new] == nil else {
      throw table.refusal(
        "it has a column \(new) already, which is none of a reembedding", "rename that column, or drop it")
    }
    try table.records.create(on: connection)
    let type = ReembeddedIndexes.type(former: former.type, dimensions: reembedding.target.dimensions)
    let typeName = table.pgvector?.qualified(type.rawValue) ?? type.rawValue
    let alter = "ALTER TABLE \(table.name.quoted)"
    try connection.execute(
      "\(alter) ADD COLUMN \(new.quotedIdentifier) \(typeName)(\(reembedding.target.dimensions))")
    let storages = ["p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"]
    if former.type == type, let storage = storages[former.storage] {
      try connection.execute("\(alter) ALTER COLUMN \(new.quotedIdentifier) SET STORAGE \(storage)")
    }
    if let comment = former.comment {
      try connection.execute(
        "COMMENT ON COLUMN \(table.name.quoted).\(new.quotedIdentifier) IS \(comment.sqlLiteral)")
    }
    let grants = try connection.query(
      """
      SELECT format('GRANT %s (%I) ON %s TO %s%s', acl.privilege_type, $3::text, $1::oid::regclass,
        CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END,
        CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_attribute a, aclexplode(a.attacl) acl WHERE a.attrelid = $1::oid AND a.attnum = $2::smallint
      """, [.text(table.id), .text(String(former.number)), .text(new)]
    ).compactMap { $0[0] }
    for grant in grants { try connection.execute(grant) }
    try triggers(reembedding, table, on: connection).creation(on: connection)
    let digests = ReembeddingDigests(table: table)
    try digests.drop(of: new, on: connection)
    try digests.make(for: new, on: connection)
    try table.records.begin(reembedding, on: connection)
  }

  /// Makes what keeps the digests of the new column's vectors, where an earlier version began.
  package func makeDigests(_ reembedding: Reembedding, _ source: Source) async throws {
    guard source.keepsDigestsApart else { return }
    try await reporting(source.name) {
      try await change(reembedding.place) { connection in
        let table = try ReembeddedTable(source, on: connection)
        try ReembeddingDigests(table: table).make(for: reembedding.newColumn, on: connection)
      }
    }
  }

  static func triggers(
    _ reembedding: Reembedding, _ table: ReembeddedTable, on connection: isolated PostgresConnection
  ) throws -> ReembeddingTriggers {
    try ReembeddingTriggers(
      reembedding, table.source, parts: try table.parts(on: connection), schema: table.name.schema, on: connection)
  }

  /// Records that a step is done, and returns how the reembedding is then.
  package func advance(
    _ reembedding: Reembedding, _ source: Source, to step: Reembedding.Step, comparison: String? = nil
  ) async throws -> Reembedding {
    var next = reembedding
    next.step = step
    if let comparison { next.comparison = comparison }
    return try await replace(reembedding, by: next, source)
  }

  func replace(
    _ reembedding: Reembedding, by next: Reembedding, _ source: Source
  ) async throws -> Reembedding {
    try await reporting(source.name) {
      let table = try await table(source)
      try await change(reembedding.place) { try table.records.replace(reembedding, by: next, on: $0) }
      return next
    }
  }

  /// Rows that have a vector, don't meet the job's `where` and so get none of the new model.
  package func rowsLeftOut(_ source: Source) async throws -> Int {
    try await reporting(source.name) {
      try await pair.watcher.run { connection in
        try ReembeddedTable(source, on: connection).rowsLeftOut(of: source.vector, on: connection)
      }
    }
  }

  /// Rows with a vector in the one column and none in the other, and all rows with a text.
  package func progress(_ reembedding: Reembedding, _ source: Source) async throws -> Progress {
    try await reporting(source.name) {
      try await pair.watcher.run { connection in
        let table = try ReembeddedTable(source, on: connection)
        let (new, former) = (reembedding.newColumn.quotedIdentifier, reembedding.formerColumn.quotedIdentifier)
        return try connection.transaction { connection in
          try connection.execute("SET LOCAL statement_timeout = '10min'")
          let row = try connection.query(
            """
            SELECT count(*) FILTER (WHERE \(former) IS NOT NULL AND \(new) IS NULL), count(\(new)), count(*)
            FROM \(table.name.quoted)
            """)[0]
          func number(_ column: Int) -> Int { row[column].flatMap(Int.init) ?? 0 }
          return Progress(
            losing: number(0), filled: number(1), rows: number(2),
            formerDimensions: table.columns[reembedding.formerColumn]?.dimensions)
        }
      }
    }
  }

  package struct Progress: Equatable, Sendable {
    /// Rows that have a vector of the former model and none of the new one.
    package let losing: Int
    /// Rows that have a vector of the new model.
    package let filled: Int
    package let rows: Int
    /// Of the former model's vectors; nil where the column's type doesn't say.
    package let formerDimensions: Int?
  }
}

extension Reembedder {
  func table(_ source: Source) async throws -> ReembeddedTable {
    try await pair.watcher.run { try ReembeddedTable(source, on: $0) }
  }

  func exclusively<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
    try await pair.exclusively(
      patience: nil, waiting: { narrator.tell("waits for the schema's lock: \($0.reason)") }, body)
  }

  /// Runs `body` in a transaction of limited locks, again and again while another is in the way.
  ///
  /// - Parameter tables: those whose definition it changes. An autovacuum of one of them is ended, as PostgreSQL does for who
  ///   waits longer than a second: with a lock that stands in no reader's and no writer's way.
  func change(
    _ subject: String, of tables: [SQLName] = [],
    _ body: @escaping @Sendable (isolated PostgresConnection) throws -> Void
  ) async throws {
    let timeout = patience.timeout
    try await pair.patiently(patience, subject, tell: narrator.tell) { connection in
      try connection.transaction { connection in
        try connection.limitLocks(to: Self.vacuumPatience)
        for table in tables {
          try connection.execute("LOCK TABLE \(table.quoted) IN SHARE UPDATE EXCLUSIVE MODE")
        }
        try connection.limitLocks(to: timeout)
        try connection.addPgVectorToPath(isLocal: true)
        try body(connection)
      }
    }
  }

  /// A good while above PostgreSQL's `deadlock_timeout`, after which an autovacuum that is in the way is ended.
  private static let vacuumPatience: Duration = .seconds(5)

  func reporting<Value: Sendable>(_ subject: String, _ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as PostgresError {
      let remedy: String =
        switch error.sqlState {
        case "42501": "name a role that may in VECFILL_MIGRATION_DATABASE_URL, then run the same command again"
        case "2BP01" where !error.isRaised:
          "\(error.detail ?? "others depend on it"): vecfill never drops with CASCADE, remove them first"
        default: "the progress is recorded: run the same command again to go on"
        }
      throw error.failure(subject, remedy: remedy)
    }
  }
}
