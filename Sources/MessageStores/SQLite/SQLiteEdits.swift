import Backfill
import GRDB
import PgVector
import Postgres

/// How edited rows are found for a source with `edits: digest`.
struct SQLiteEdits: Equatable, Sendable {
  /// The column of the digests, as SQL.
  let digest: String
  /// The index of the rows whose digest a trigger has emptied, since their text was edited; nil where there is none, or no
  /// such trigger.
  let marked: String?
  /// The same where all edited rows are in it; nil where each text is read.
  let index: String?

  /// The index's condition.
  var isMarked: String { "\(digest) = x''" }

  func differs(from digest: String) -> String { "\(self.digest) <> \(digest)" }

  /// That a row's vector is of another text than the one whose digest `digest` is, NULL for no text: known to be.
  func isOfAnother(_ digest: String) -> String { differs(from: "coalesce(\(digest), x'00')") }

  /// The column of the digests; nil where it is not there.
  static func column(of source: Source, among columns: [SQLiteColumn]) -> SQLiteColumn? {
    columns.first { $0.name.folded == source.sqliteDigestColumn.folded }
  }

  init(_ column: SQLiteColumn, of source: Source, key: SQLiteKey, in database: Database) throws {
    digest = column.quoted
    marked = try Self.index(of: source, key: key, digest: column.quoted, in: database)
    let marks = try SQLiteEditProof.marks(in: database)
    let isProven = try SQLiteEditProof(source: source, database: database).read()?.admits(source, marks: marks) ?? false
    index = isProven ? marked : nil
  }

  private static func index(
    of source: Source, key: SQLiteKey, digest: String, in database: Database
  ) throws -> String? {
    guard try isWatched(source, TriggerName.Suffix.stale, in: database) else { return nil }
    let partial = try String.fetchAll(
      database, sql: "SELECT name FROM pragma_index_list(?) WHERE partial ORDER BY name", arguments: [source.table])
    // SQLite itself says whether an index holds all of these rows, in order: else it can't use it.
    return try partial.first { index in
      let plan = """
        EXPLAIN QUERY PLAN SELECT 1 FROM \(source.table.quotedIdentifier) INDEXED BY \(index.quotedIdentifier)
        WHERE \(digest) = x'' ORDER BY \(key.ascending)
        """
      do {
        let steps = try Row.fetchAll(database, sql: plan)
        return steps.allSatisfy { !($0["detail"] as String).contains("TEMP B-TREE") }
      } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
        return false
      }
    }
  }

  /// Whether the trigger on edits whose name ends with `suffix` is there and watches the columns of the text. A column that
  /// is renamed takes it along, and the one that gets its name is not watched.
  private static func isWatched(_ source: Source, _ suffix: String, in database: Database) throws -> Bool {
    let name = TriggerName.of(source, suffix)
    guard try OwnName.sqlite([name], of: source, database).values.contains(true) else { return false }
    let sql = try String.fetchAll(
      database,
      sql: """
        SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE
          AND name COLLATE NOCASE IN (?, ?)
        """, arguments: [source.table, name.plain, name.exact]
    ).joined(separator: "\n").folded
    return (source.text.columns ?? []).allSatisfy { column in
      sql.firstRange(of: TriggerName.formerValue(of: column).folded) != nil
    }
  }

  /// What a person should know of how edited rows are found.
  func warnings(of source: Source) -> [String] {
    guard marked == nil else { return [] }
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
    return try isWatched(source, TriggerName.Suffix.clear, in: database)
      ? []
      : [
        "\(source.name): no trigger empties the vector of an edited row, which then keeps it: "
          + "`vecfill migrate up JOB` makes it"
      ]
  }
}
