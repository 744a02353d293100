import Backfill
import Foundation
import GRDB
import Postgres

/// A source as it was found in the file: what its statements are built from.
struct SQLiteTable: Sendable {
  let source: Source
  let key: SQLiteKey
  let vectorFormat: SQLiteVectorFormat
  /// The vector column's type as declared.
  let declaredType: String
  /// The dimension that the column declares or its vectors have; nil where neither tells.
  let dimensions: Int?
  /// An index on the key that holds only the rows without a vector; nil where there is none.
  let missingIndex: String?
  /// For `edits: digest`, how rows are told whose vector is of an earlier text; nil where the job doesn't say so.
  var edits: SQLiteEdits?
  /// Which rows the statements of pages and counts are about.
  var wanted = PageRequest.Rows.missing
  /// The names of the table's UPDATE triggers.
  let triggers: [String]
  /// The file's schema when the table was found: another one may have another table of the name.
  let schemaVersion: Int
  let warnings: [String]

  var shape: SourceShape { SourceShape(keyKind: key.kind, vectorType: declaredType, warnings: warnings) }

  /// The triggers in words, e.g. "triggers clear, stamp"; empty where there are none.
  var hooks: String {
    triggers.isEmpty ? "" : "trigger\(triggers.count == 1 ? "" : "s") \(triggers.joined(separator: ", "))"
  }

  private var name: String { source.table.quotedIdentifier }
  private var vector: String { source.vector.quotedIdentifier }
  /// The text's very bytes: a number's are those of its text form.
  private var text: String { "CAST(\(source.text.sqlite) AS BLOB)" }

  private var condition: String? {
    // The line breaks keep a comment in the condition from swallowing what follows.
    source.condition.map { "(\n\($0)\n)" }
  }

  private var remaining: [String] { [isWanted] + (condition.map { [$0] } ?? []) }

  private var isWanted: String {
    guard wanted == .edited, let edits else { return "\(vector) IS NULL" }
    let isEdited = edits.index == nil ? edits.differs(from: "\(Self.digestFunction)(\(text))") : edits.isMarked
    return "\(vector) IS NOT NULL AND \(isEdited)"
  }

  /// That a row takes a vector for its present text: it has none, or one of another text. One of which nobody knows the text
  /// counts as current.
  private var lacks: String {
    guard let edits else { return "\(vector) IS NULL" }
    return "(\(vector) IS NULL OR \(edits.differs(from: "\(Self.digestFunction)(\(text))")))"
  }

  /// The index that holds the wanted rows alone, and its condition; nil where there is none.
  private var index: (name: String, condition: String)? {
    wanted == .missing
      ? missingIndex.map { ($0, "\(vector) IS NULL") } : edits?.index.map { ($0, edits?.isMarked ?? "") }
  }

  /// The table by the index that holds the rows to look at, in the key's order.
  private var ordered: String {
    "\(name) " + (index.map { "INDEXED BY \($0.name.quotedIdentifier)" } ?? key.access)
  }

  /// The key of the row at which a window of `rows` rows in the range ends; of none where fewer are left.
  func windowEnd(in range: SQLiteRange, rows: Int) -> String {
    // With the index of the wanted rows, a window is so many of those.
    let conditions = range.conditions + (index.map { [$0.condition] } ?? [])
    return """
      SELECT \(key.selected) FROM \(ordered) \(Self.where(conditions))
      ORDER BY \(key.ascending) LIMIT 1 OFFSET \(rows - 1)
      """
  }

  /// The keys and texts of the range's wanted rows, in the key's order.
  func page(in range: SQLiteRange, sample: KeySample? = nil) -> String {
    let conditions = range.conditions + remaining + (sample.map { [chosen(by: $0)] } ?? [])
    return """
      SELECT \(key.selected), \(text) FROM \(ordered) \(Self.where(conditions)) ORDER BY \(key.ascending)
      """
  }

  /// The first key of a page.
  func nextKey(in range: SQLiteRange, sample: KeySample? = nil) -> String {
    let conditions = range.conditions + remaining + (sample.map { [chosen(by: $0)] } ?? [])
    return "SELECT \(key.selected) FROM \(ordered) \(Self.where(conditions)) ORDER BY \(key.ascending) LIMIT 1"
  }

  func countRemaining(in range: SQLiteRange) -> String {
    "SELECT count(*) FROM \(ordered) \(Self.where(range.conditions + remaining))"
  }

  private static func `where`(_ conditions: [String]) -> String {
    conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
  }

  private func chosen(by sample: KeySample) -> String {
    let bound = sample.bound.map { String(format: "%02x", $0) }.joined()
    return "\(Self.digestFunction)(\(key.text) || '\(sample.salt)') < x'\(bound)'"
  }

  var lastKey: String { "SELECT \(key.selected) FROM \(name) ORDER BY \(key.descending) LIMIT 1" }

  /// Writes a vector, with `edits: digest` the text's digest too, to the row that `isRow` finds and whose text has a digest:
  /// arguments in this order. Whatever a constraint says of conflicts, one ends this statement alone.
  func update(_ isRow: String) -> String {
    """
    UPDATE OR ABORT \(name) SET \(vector) = ?\(edits.map { ", \($0.digest) = ?" } ?? "") WHERE \(isRow)
    AND \(([lacks] + (condition.map { [$0] } ?? [])).joined(separator: " AND ")) AND \(Self.digestFunction)(\(text)) = ?
    """
  }

  /// Whether the row that `isRow` finds has a vector, and whether it could still take one for the text of a digest: the
  /// digest is the first argument.
  func state(_ isRow: String) -> String {
    """
    SELECT \(vector) IS NOT NULL, \(lacks) AND \(Self.digestFunction)(\(text)) = ?
      \(condition.map { "AND \($0)" } ?? "")
    FROM \(name) WHERE \(isRow)
    """
  }

  /// All keys with their vectors.
  var vectors: String {
    "SELECT \(key.selected), CAST(\(vector) AS BLOB) FROM \(name) WHERE \(vector) IS NOT NULL"
  }

  /// A few rows that have a vector: texts of at most so many bytes, and at most so many rows.
  var filled: String {
    """
    SELECT CASE WHEN length(\(text)) <= ? THEN \(text) END, CAST(\(vector) AS BLOB) FROM \(name)
    WHERE \(vector) IS NOT NULL LIMIT ?
    """
  }

  /// The text of the row that `isRow` finds.
  func textOfRow(_ isRow: String) -> String { "SELECT \(text) FROM \(name) WHERE \(isRow)" }

  /// Whether the file has any trigger, of this table or another.
  static func hasTriggers(in database: Database) throws -> Bool {
    try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger')") ?? true
  }

  /// The SQL function by which the database digests a text itself.
  static let digestFunction = "vecfill_sha256"
}
