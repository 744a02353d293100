import Backfill
import GRDB
import PgVector

/// Where a file keeps that the marks of edited rows are all there are: in a record of the digest column in `vecfill_column`.
///
/// SQLite doesn't tell one trigger from another that was made in its place. So what makes the marks goes by the number of
/// the file's schema, which any change of it changes.
struct SQLiteEditProof {
  let source: Source
  let database: Database

  static func marks(in database: Database) throws -> String {
    "schema \(try SQLiteInspection.schemaVersion(of: database))"
  }

  /// nil where nothing is kept.
  func read() throws -> EditProof? {
    guard try SQLiteColumnRecords(source: source, database: database).exists() else { return nil }
    return try String.fetchOne(
      database, sql: "SELECT fingerprint FROM vecfill_column WHERE \(Self.isOwn)", arguments: names
    ).flatMap(EditProof.init(recorded:))
  }

  /// Keeps it, in a transaction of the caller's; `version` is the schema's number as the search began.
  ///
  /// Nothing is kept where the schema was changed since.
  func keep(since version: Int) throws {
    guard try SQLiteInspection.schemaVersion(of: database) == version else { return }
    let earlier = try read()
    // It may make the table, which is no change of anyone else's.
    _ = try SQLiteColumnRecords(source: source, database: database).findOrMake()
    let proof = EditProof(marks: try Self.marks(in: database), of: source).adding(earlier)
    try forget()
    try database.execute(
      sql: """
        INSERT INTO vecfill_column (database, table_name, column_name, table_page, column_place, fingerprint)
        VALUES ((SELECT min(database) FROM vecfill_column), ?, ?, \(Self.nowhere), \(Self.nowhere), ?)
        """, arguments: [source.table, source.sqliteDigestColumn, try proof.recorded()])
  }

  /// Forgets what is kept, as once vectors come without digests.
  func forget() throws {
    try database.execute(sql: "DELETE FROM vecfill_column WHERE \(Self.isOwn)", arguments: names)
  }

  /// The place that no column has: such a record is none of a vector column's, whatever is renamed.
  private static let nowhere = -1
  private static let isOwn = """
    table_name = ? COLLATE NOCASE AND column_name = ? COLLATE NOCASE AND column_place = \(nowhere)
    """
  private var names: StatementArguments { [source.table, source.sqliteDigestColumn] }
}
