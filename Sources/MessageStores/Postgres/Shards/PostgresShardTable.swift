import Backfill
import Foundation
import PgVector
import Postgres

/// The shards of a table's column, in a table `vecfill_shard` in the schema of the table, where every process finds them.
struct PostgresShardTable: Sendable {
  private let filled: PostgresColumnPlace
  private let database: String
  /// The schema, and the table of shards in it, quoted as the server does.
  private let schema: String
  private let place: String

  /// - Parameter column: as `PostgresColumnRecords` names it.
  init(of filled: PostgresColumnPlace, _ column: ColumnIdentity, on connection: isolated PostgresConnection) throws {
    self.filled = filled
    database = column.database
    schema = try connection.inspect("SELECT quote_ident($1)", [.text(filled.schema)])[0][0] ?? ""
    place = "\(schema).\(OwnTable.Definition.shards.name)"
  }

  private var keys: [PostgresValue] { filled.ownKeys(in: database) }
  private static let settings = PostgresSettings(lockTimeout: .seconds(5))

  /// The stored shards by number; empty where there are none. Throws a `Failure` where the table can't be trusted or read.
  func read(on connection: isolated PostgresConnection) throws -> [StoredShard] {
    guard let found = try OwnTable.all(.shards, in: schema, on: connection).first else { return [] }
    try check(found, on: connection)
    let rows = try connection.inspect(
      """
      SELECT shard, shards, key_range, missing_rows, work, (extract(epoch FROM planned_at) * 1000000)::bigint AS plan,
        to_char(begun_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS begun,
        to_char(done_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS done, by
      FROM ONLY \(place) WHERE \(PostgresColumnPlace.isOwn) ORDER BY shard
      """, keys)
    return try rows.enumerated().map { index, row in
      guard row["shard"] == "\(index)", let count = row["shards"].flatMap({ Int($0) }), count == rows.count,
        let range = row["key_range"].flatMap({ try? JSONDecoder().decode(ShardRange.self, from: Data($0.utf8)) }),
        let work = row["work"].flatMap({ ShardWork(recorded: $0) })
      else {
        throw Failure(
          .configuration, place, "its shards of \(filled.tableName) are none of this version's",
          remedy: "use the vecfill that planned them, or delete those rows and plan again")
      }
      return StoredShard(
        number: index, count: count, range: range, rows: row["missing_rows"].flatMap { Int($0) } ?? 0, work: work,
        plan: row["plan"] ?? "", begun: row["begun"], done: row["done"], worker: row["by"])
    }
  }

  /// Makes the table where there is none. Throws a `Failure` with `.denied` and the DDL where the role may not.
  func create(on connection: isolated PostgresConnection) throws {
    var found = try OwnTable.all(.shards, in: schema, on: connection)
    if found.isEmpty {
      try OwnTable.Definition.shards.make(
        place, for: "shards are kept there", rights: "SELECT, INSERT, UPDATE, DELETE",
        owner: "the owner of \(filled.tableName)", on: connection)
      found = try OwnTable.all(.shards, in: schema, on: connection)
    }
    if let found = found.first { try check(found, on: connection) }
  }

  private func check(_ found: OwnTable, on connection: isolated PostgresConnection) throws {
    guard try found.isTrusted(forTable: filled.table, on: connection) else {
      throw Failure(
        .configuration, place, "it is there and is not vecfill's own, or not its table's owner's",
        remedy: "rename or drop it: vecfill keeps there how a table is cut into shards")
    }
    guard found.isReadable else {
      throw Failure(
        .denied, place, "the role may not read it",
        remedy: "have its owner GRANT SELECT, INSERT, UPDATE, DELETE ON \(place) to the role")
    }
  }

  /// Puts the shards `cuts` in the place of those that are there; in the caller's transaction.
  func replace(with cuts: [ShardCut], _ work: ShardWork, on connection: isolated PostgresConnection) throws {
    try forget(on: connection)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let ranges = try cuts.map { String(decoding: try encoder.encode($0.range), as: UTF8.self) }
    try connection.query(
      """
      INSERT INTO \(place) (database, table_id, column_number, shard, shards, key_range, missing_rows, work, planned_at)
      SELECT $1, $2::oid, $3::smallint, n - 1, $4::smallint, r, m::bigint, $5, now()
      FROM unnest($6::text[], $7::text[]) WITH ORDINALITY AS cut(r, m, n)
      """,
      keys + [
        .text("\(cuts.count)"), .text(try work.recorded()), .array(ranges), .array(cuts.map { "\($0.rows)" }),
      ])
  }

  /// What becomes of a shard.
  enum Event: String {
    case begun = "begun_at"
    case done = "done_at"
  }

  /// Records that a shard is begun or done by this process. Throws a `Failure` where the plan is no longer the one of
  /// `shard`.
  func record(_ event: Event, of shard: StoredShard, on connection: isolated PostgresConnection) throws {
    let changed = try connection.query(
      """
      UPDATE ONLY \(place) SET \(event.rawValue) = coalesce(\(event.rawValue), clock_timestamp()),
        by = current_setting('application_name')
      WHERE \(PostgresColumnPlace.isOwn) AND shard = $4::smallint AND (extract(epoch FROM planned_at) * 1000000)::bigint = $5::bigint
      RETURNING shard
      """, keys + [.text("\(shard.number)"), .text(shard.plan)], under: Self.settings)
    guard changed.isEmpty else { return }
    throw Failure(
      .unavailable, "\(filled.tableName) shard \(shard.number)", "the plan was changed or ended meanwhile",
      remedy: "run the same command again")
  }

  func forget(on connection: isolated PostgresConnection) throws {
    try connection.query("DELETE FROM ONLY \(place) WHERE \(PostgresColumnPlace.isOwn)", keys)
  }
}
