import Backfill
import Foundation
import PgVector
import Postgres

/// A column's part of the table `vecfill_spool`, in the schema of the column's table.
struct PostgresSpoolPlace: Sendable {
  static let definition = OwnTable.Definition.spool

  let column: ColumnIdentity
  private let filled: PostgresColumnPlace
  /// The table of replies, quoted.
  let name: String

  private static let settings = PostgresSettings(lockTimeout: .seconds(5))

  /// Finds the place of `source`, makes the table where it is missing, and removes what no run can ask for any more.
  ///
  /// Throws a `Failure` with `.denied`, which has the statement for whoever may make the table, or with `.configuration`
  /// where a table of that name isn't to be trusted.
  init(of source: Source, _ column: ColumnIdentity, on connection: isolated PostgresConnection) throws {
    guard let filled = try PostgresColumnPlace.find(source, on: connection) else {
      throw Failure(.configuration, source.home.name, "it has no column \(source.vector)")
    }
    self.column = column
    self.filled = filled
    let schema = try connection.inspect("SELECT quote_ident($1)", [.text(filled.schema)])[0][0] ?? ""
    name = "\(schema).\(Self.definition.name)"
    var found = try OwnTable.all(Self.definition, in: schema, on: connection).first
    if found == nil {
      try Self.definition.make(
        name, for: "`spool: database` keeps there what was received", rights: "SELECT, INSERT, DELETE",
        owner: "the owner of \(filled.tableName)", on: connection)
      found = try OwnTable.all(Self.definition, in: schema, on: connection).first
    }
    guard let found, try found.isTrusted(forTable: filled.table, on: connection) else {
      throw Failure(
        .configuration, name, "it is there and is not vecfill's own, or not its table's owner's",
        remedy: "rename or drop it: with `spool: database` what was received is kept there")
    }
    try checkRights(to: found, on: connection)
    try tidy(on: connection)
  }

  private func checkRights(to table: OwnTable, on connection: isolated PostgresConnection) throws {
    let missing = try ["SELECT", "INSERT", "DELETE"].filter { right in
      try connection.inspect(
        "SELECT has_table_privilege($1::oid, $2) AS granted", [.text(table.id), .text(right)]
      ).first?.isTrue("granted") != true
    }
    guard !missing.isEmpty else { return }
    let role = try connection.inspect("SELECT current_user")[0][0] ?? ""
    let rights = missing.joined(separator: ", ")
    throw Failure(
      .denied, name, "the role \(role) has no right to \(rights) there, which `spool: database` needs",
      remedy: "GRANT \(rights) ON \(name) TO \(role.quotedIdentifier)")
  }

  /// Removes the replies for columns that are gone, and takes over those that a move of the table to this schema has left
  /// in another.
  private func tidy(on connection: isolated PostgresConnection) throws {
    _ = try connection.query(
      """
      DELETE FROM ONLY \(name) s WHERE database = $1 AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = s.table_id AND a.attnum = s.column_number AND NOT a.attisdropped)
      """, [.text(column.database)], under: Self.settings)
    for other in try OwnTable.all(Self.definition, in: nil, on: connection) where other.name != name {
      guard other.isReadable, try other.isTrusted(forTable: filled.table, on: connection) else { continue }
      do {
        _ = try connection.query(
          """
          WITH moved AS (DELETE FROM ONLY \(other.name) WHERE \(PostgresColumnPlace.isOwn) RETURNING *)
          INSERT INTO \(name) SELECT * FROM moved ON CONFLICT DO NOTHING
          """, keys, under: Self.settings)
      } catch let error as PostgresError where error.isDenied {
        // What this role may not take from there stays there, and is asked for again.
      }
    }
  }

  private var keys: [PostgresValue] { filled.ownKeys(in: column.database) }
}

extension PostgresSpoolPlace {
  /// Waits until what was being added to its table is there to be read: a process that died may have sent an entry that the
  /// server has yet to commit, while the column is no longer claimed over its other connection.
  ///
  /// It takes no lock, so nobody waits for this, and a process that stands still while it adds can't stop others.
  func awaitEntries(
    until deadline: ContinuousClock.Instant, on connection: isolated PostgresConnection
  ) throws {
    var adding = try transactions(on: connection)
    while !adding.isEmpty, ContinuousClock.now < deadline {
      _ = try connection.query("SELECT pg_catalog.pg_sleep(0.02)", under: Self.settings)
      adding.formIntersection(try transactions(on: connection))
    }
  }

  /// Those that add or remove entries, or wait to do so.
  private func transactions(on connection: isolated PostgresConnection) throws -> Set<String> {
    let found = try connection.query(
      """
      SELECT l.virtualtransaction AS id FROM pg_catalog.pg_locks l
      JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database()
      WHERE l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass($1) AND l.mode = 'RowExclusiveLock'
        AND l.pid <> pg_catalog.pg_backend_pid()
      """, [.text(name)], under: Self.settings)
    return Set(found.compactMap { $0["id"] })
  }

  /// The statement that adds entries; its parameters are those of `parameters(of:shard:)`.
  var insert: String {
    """
    INSERT INTO \(name) (database, table_id, column_number, run, number, shard, format, rows, fingerprint, key_columns,
      receipt, contents, dimensions, vectors, checksum)
    VALUES ($1, $2::oid, $3::smallint, $4::uuid, $5, $6::integer, $7::smallint, $8::integer, $9, $10, $11, $12,
      $13::integer, $14, $15)
    ON CONFLICT DO NOTHING
    """
  }

  func parameters(of entry: SpoolEntry, shard: Int?) -> PostgresParameters {
    var parameters = PostgresParameters(
      keys + [
        .uuid(entry.id.run), .integer(Int64(entry.id.number)), shard.map { .integer(Int64($0)) } ?? .null,
        .integer(Int64(entry.format)), .integer(Int64(entry.rows)), .text(entry.fingerprint), .text(entry.key),
        .text(entry.receipt), .bytes(Array(entry.contents)), .integer(Int64(entry.vectors.dimensions)),
      ])
    // Its own bytes on every platform that vecfill is built for, and one copy of them fewer.
    entry.vectors.values.withUnsafeBytes { bytes in parameters.append { $0.append(contentsOf: bytes) } }
    parameters.append(.bytes(Array(entry.checksum)))
    return parameters
  }

  /// The entries of a shard, or all, the oldest first.
  func heads(shard: Int?, on connection: isolated PostgresConnection) throws -> [SpoolEntry.Head] {
    try connection.query(
      """
      SELECT run, number, rows, extract(epoch FROM received_at) AS at FROM ONLY \(name)
      WHERE \(PostgresColumnPlace.isOwn) AND ($4::integer IS NULL OR shard = $4::integer) ORDER BY received_at, run, number
      """, keys + [shard.map { .text("\($0)") } ?? .null], under: Self.settings
    ).compactMap { row in
      guard let run = row["run"].flatMap(UUID.init(uuidString:)), let number = row["number"].flatMap({ Int($0) })
      else { return nil }
      return SpoolEntry.Head(
        id: SpoolEntry.ID(column: column, run: run, number: number), rows: row["rows"].flatMap { Int($0) } ?? 0,
        receivedAt: Date(timeIntervalSince1970: row["at"].flatMap(Double.init) ?? 0))
    }
  }

  /// Throws a `Failure` with `.configuration` where replies wait that no shard has received.
  func refuseWhole(on connection: isolated PostgresConnection) throws {
    let found = try connection.query(
      "SELECT coalesce(sum(rows), 0) AS rows FROM ONLY \(name) WHERE \(PostgresColumnPlace.isOwn) AND shard IS NULL",
      keys, under: Self.settings)
    let rows = found.first?["rows"].flatMap { Int($0) } ?? 0
    guard rows == 0 else { throw Failure.unwritten(rows, of: filled.tableName, in: name) }
  }

  func entry(_ id: SpoolEntry.ID, on connection: isolated PostgresConnection) throws -> SpoolEntry? {
    let found = try connection.query(
      """
      SELECT format::bigint, rows::bigint, dimensions::bigint, fingerprint, key_columns, receipt, contents, vectors, checksum
      FROM ONLY \(name) WHERE \(PostgresColumnPlace.isOwn) AND run = $4::uuid AND number = $5
      """, keys + [.uuid(id.run), .integer(Int64(id.number))], format: .binary, under: Self.settings)
    guard !found.isEmpty else { return nil }
    func number(_ column: Int) -> Int {
      found.withBytes(row: 0, column: column) { Int(Int64(bigEndian: $0.loadUnaligned(as: Int64.self))) } ?? 0
    }
    func data(_ column: Int) -> Data { found.withBytes(row: 0, column: column) { Data($0) } ?? Data() }
    return SpoolEntry(
      id: id, format: number(0), rows: number(1), fingerprint: found.text(row: 0, column: 3) ?? "",
      key: found.text(row: 0, column: 4) ?? "", receipt: found.text(row: 0, column: 5) ?? "", contents: data(6),
      // What is no number of whole vectors has another checksum than these have.
      vectors: Vectors(littleEndian: data(7), dimensions: number(2)) ?? Vectors(dimensions: 1), checksum: data(8))
  }

  /// The statement that removes entries, and its parameters.
  func delete(_ ids: [SpoolEntry.ID]) -> (sql: String, parameters: [PostgresValue]) {
    (
      """
      DELETE FROM ONLY \(name) WHERE \(PostgresColumnPlace.isOwn)
        AND (run, number) IN (SELECT * FROM unnest($4::uuid[], $5::bigint[]))
      """, keys + [.array(ids.map(\.run.uuidString)), .array(ids.map { String($0.number) })]
    )
  }
}
