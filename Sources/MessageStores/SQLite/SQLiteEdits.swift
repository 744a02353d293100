import Backfill
import GRDB
import PgVector
import Postgres

/// How edited rows are found for a source with `edits: digest`.
struct SQLiteEdits: Equatable, Sendable {
  /// The column of the digests, as SQL.
  let digest: String
  /// The index of the rows whose digest a trigger has emptied, since their text was edited; nil where there is none, or no
  /// such trigger: then each text is read.
  let index: String?

  /// The index's condition.
  var isMarked: String { "\(digest) = x''" }

  func differs(from digest: String) -> String { "\(self.digest) <> \(digest)" }

  /// The column of the digests; nil where it is not there.
  static func column(of source: Source, among columns: [SQLiteColumn]) -> SQLiteColumn? {
    columns.first { $0.name.folded == source.sqliteDigestColumn.folded }
  }

  init(_ column: SQLiteColumn, of source: Source, key: SQLiteKey, in database: Database) throws {
    digest = column.quoted
    index = try Self.index(of: source, key: key, digest: column.quoted, in: database)
  }

  private static func index(
    of source: Source, key: SQLiteKey, digest: String, in database: Database
  ) throws -> String? {
    let names = [IndexName.of(source, IndexName.Suffix.edited), TriggerName.of(source, TriggerName.Suffix.stale)]
    let found = try OwnName.sqlite(names, of: source, database)
    let own = names.map { name in name.chosen { found[$0] } }
    guard own.allSatisfy({ found[$0] == true }) else { return nil }
    let name = own[0]
    // SQLite itself says whether the index holds all of these rows, in order: else it can't use it.
    let plan = """
      EXPLAIN QUERY PLAN SELECT 1 FROM \(source.table.quotedIdentifier) INDEXED BY \(name.quotedIdentifier)
      WHERE \(digest) = x'' ORDER BY \(key.ascending)
      """
    do {
      let steps = try Row.fetchAll(database, sql: plan)
      return steps.allSatisfy { !($0["detail"] as String).contains("TEMP B-TREE") } ? name : nil
    } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
      return nil
    }
  }

  /// What a person should know of how edited rows are found.
  func warnings(of source: Source) -> [String] {
    guard index == nil else { return [] }
    guard source.text.columns != nil else {
      return ["\(source.name): no trigger of SQLite's can watch an SQL expression, so each run reads all texts"]
    }
    return [
      "\(source.name): no trigger and index find the edited texts, so each run reads all of them: "
        + "`vecfill migrate up JOB` makes both"
    ]
  }

  /// The same for `edits: clear`, whose trigger alone finds them.
  static func warnings(ofClearing source: Source, in database: Database) throws -> [String] {
    guard source.edits == .clear else { return [] }
    let name = TriggerName.of(source, TriggerName.Suffix.clear)
    return try OwnName.sqlite([name], of: source, database).values.contains(true)
      ? []
      : [
        "\(source.name): no trigger empties the vector of an edited row, which then keeps it: "
          + "`vecfill migrate up JOB` makes it"
      ]
  }
}
