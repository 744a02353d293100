import Backfill
import Foundation
import PgVector
import Postgres

/// How far the reembeddings of a table's columns are, in the database itself: in a table `vecfill_reembedding` in the
/// table's schema, a row a column, so that any machine goes on with them.
struct ReembeddingRecords: Sendable {
  static let definition = OwnTable.Definition(
    name: "vecfill_reembedding",
    body: """
      table_name text NOT NULL, column_name text NOT NULL, step text NOT NULL, job text NOT NULL, former text NOT NULL,
      provider text, model text NOT NULL, dimensions smallint NOT NULL, keep_days smallint NOT NULL,
      indexes text NOT NULL, comparison text, switched_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL DEFAULT current_setting('application_name'),
      PRIMARY KEY (table_name, column_name)
      """,
    columns: [
      ("table_name", .text), ("column_name", .text), ("step", .text), ("job", .text), ("former", .text),
      ("provider", .text), ("model", .text), ("dimensions", .smallint), ("keep_days", .smallint), ("indexes", .text),
      ("comparison", .text), ("switched_at", .timestamptz), ("started_at", .timestamptz), ("by", .text),
    ])

  /// The table that is changed, with its object id and, quoted, its schema.
  let table: SQLName
  let id: String
  let schema: String

  private var place: String { "\(schema).\(Self.definition.name)" }

  /// That of `column`, also one of a table that is gone, whose name this one has; nil where there is none.
  ///
  /// Throws a `Failure` with `.configuration` where a table of records is there and not to be trusted: what it says
  /// decides which columns are dropped.
  func read(_ column: String, on connection: isolated PostgresConnection) throws -> Reembedding? {
    guard try exists(on: connection) else { return nil }
    let found = try connection.query(
      """
      SELECT *, extract(epoch FROM switched_at) AS switched FROM ONLY \(place)
      WHERE table_name = $1 AND column_name = $2
      """, [.text(table.name), .text(column)])
    guard let row = found.first else { return nil }
    guard let step = row["step"].flatMap(Reembedding.Step.init), let model = row["model"],
      let dimensions = row["dimensions"].flatMap(Int.init), let days = row["keep_days"].flatMap(Int.init),
      let indexes = try? JSONDecoder().decode([Reembedding.IndexNames].self, from: Data((row["indexes"] ?? "").utf8))
    else {
      throw Failure(
        .configuration, place, "its row of \(table).\(column) is none of this version's",
        remedy: "use the vecfill that wrote it")
    }
    var reembedding = Reembedding(
      table: table, column: column, job: row["job"] ?? "", former: row["former"] ?? "",
      target: .init(provider: row["provider"], model: model, dimensions: dimensions), keepDays: days)
    reembedding.step = step
    reembedding.indexes = indexes
    reembedding.comparison = row["comparison"]
    reembedding.switchedAt = row["switched"].flatMap(Double.init).map(Date.init(timeIntervalSince1970:))
    return reembedding
  }

  /// Makes the table of records where there is none.
  func create(on connection: isolated PostgresConnection) throws {
    guard try !exists(on: connection) else { return }
    try connection.execute("CREATE TABLE IF NOT EXISTS \(place) (\(Self.definition.body))")
  }

  /// In the transaction that makes the column.
  func begin(_ reembedding: Reembedding, on connection: isolated PostgresConnection) throws {
    try connection.query(
      """
      INSERT INTO \(place) (table_name, column_name, step, job, former, provider, model, dimensions, keep_days, indexes)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      ON CONFLICT (table_name, column_name) DO UPDATE SET step = excluded.step, job = excluded.job,
        former = excluded.former, provider = excluded.provider, model = excluded.model,
        dimensions = excluded.dimensions, keep_days = excluded.keep_days, indexes = excluded.indexes, comparison = NULL,
        switched_at = NULL, started_at = now(), by = excluded.by
      """,
      [
        .text(table.name), .text(reembedding.column), .text(reembedding.step.rawValue), .text(reembedding.job),
        .text(reembedding.former), reembedding.target.provider.map(PostgresValue.text) ?? .null,
        .text(reembedding.target.model), .text(String(reembedding.target.dimensions)),
        .text(String(reembedding.keepDays)), .text(try Self.json(reembedding.indexes)),
      ])
  }

  /// Records `next` in place of `reembedding`; throws a `Failure` with `.locked` where it is not as that any more.
  func replace(
    _ reembedding: Reembedding, by next: Reembedding, on connection: isolated PostgresConnection
  ) throws {
    let changed = try connection.query(
      """
      UPDATE ONLY \(place) SET step = $4, keep_days = $5, indexes = $6, comparison = $7,
        switched_at = CASE WHEN $8 THEN coalesce(switched_at, now()) END
      WHERE table_name = $1 AND column_name = $2 AND step = $3
      """,
      [
        .text(table.name), .text(reembedding.column), .text(reembedding.step.rawValue), .text(next.step.rawValue),
        .text(String(next.keepDays)), .text(try Self.json(next.indexes)),
        next.comparison.map(PostgresValue.text) ?? .null, .text(next.isSwitched ? "t" : "f"),
      ])
    guard changed.affectedRows == 1 else { throw overtaken(reembedding) }
  }

  /// In the transaction that drops one of the columns.
  func end(_ reembedding: Reembedding, on connection: isolated PostgresConnection) throws {
    let deleted = try connection.query(
      "DELETE FROM ONLY \(place) WHERE table_name = $1 AND column_name = $2 AND step = $3",
      [.text(table.name), .text(reembedding.column), .text(reembedding.step.rawValue)])
    guard deleted.affectedRows == 1 else { throw overtaken(reembedding) }
  }

  private func overtaken(_ reembedding: Reembedding) -> Failure {
    Failure(
      .locked, reembedding.place, "another process has gone on with its reembedding",
      remedy: "see `vecfill reembed JOB --status`, then run the same command again")
  }

  private func exists(on connection: isolated PostgresConnection) throws -> Bool {
    guard let found = try OwnTable.all(Self.definition, in: schema, on: connection).first else { return false }
    guard found.isReadable, try found.isTrusted(forTable: id, on: connection) else {
      throw Failure(
        .configuration, place, "it can't be read, is not vecfill's own, or not its table's owner's",
        remedy: "connect as the table's owner; rename or drop it if vecfill did not make it")
    }
    return true
  }

  private static func json(_ indexes: [Reembedding.IndexNames]) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(indexes), as: UTF8.self)
  }
}
