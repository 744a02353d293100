import Backfill
import Foundation
import GRDB
import PgVector
import Postgres

/// A source as it was found in the file: what its statements are built from.
struct SQLiteTable: Sendable {
  let source: Source
  let key: SQLiteKey
  let vectorFormat: SQLiteVectorFormat
  /// The vector column's type as declared.
  let declaredType: String
  /// The dimension that the column declares or its vectors have; nil where neither shows it.
  let dimensions: Int?
  /// An index on the key that holds only the rows without a vector; nil where there is none.
  let missingIndex: String?
  /// For `edits: digest`, how edited rows are found; nil where the job doesn't say so.
  var edits: SQLiteEdits?
  /// Whether the vector column is yet to be made, so that all rows lack a vector.
  var lacksColumn = false
  /// Which rows the statements of pages and counts are about.
  var wanted = PageRequest.Rows.missing
  /// The names of the table's UPDATE triggers.
  let triggers: [String]
  /// The file's schema when the table was found: another one may have another table of the name.
  let schemaVersion: Int
  /// What a person should know of values that are no vectors; nil where none was met.
  var vectorWarning: String?
  /// What a person should know of how edited rows are found, a sentence each.
  var editWarnings: [String] = []
  let warnings: [String]

  var shape: SourceShape {
    SourceShape(
      keyKind: key.kind, vectorType: declaredType,
      warnings: warnings + editWarnings + [vectorWarning].compactMap(\.self), lacksColumn: lacksColumn)
  }

  /// The triggers in words, e.g. "triggers clear, stamp"; empty where there are none.
  var hooks: String {
    triggers.isEmpty ? "" : "trigger\(triggers.count == 1 ? "" : "s") \(triggers.joined(separator: ", "))"
  }

  private var name: String { source.table.quotedIdentifier }
  /// What is read: the view, or the table.
  private var read: String { source.reading.table.quotedIdentifier }
  private var vector: String { source.vector.quotedIdentifier }
  /// The text's very bytes: a number's are those of its text form.
  private var text: String { "CAST(\(source.text.sqlite) AS BLOB)" }

  private var condition: String? {
    // The line breaks keep a comment in the condition from swallowing what follows.
    source.condition.map { "(\n\($0)\n)" }
  }

  private var remaining: [String] { [isWanted] + (condition.map { [$0] } ?? []) }

  private var isWanted: String {
    guard wanted == .edited else {
      if lacksColumn { return "1" }
      return missingIndex == nil ? isMissing : "(\(MissingVector.predicate(vector)))"
    }
    guard let edits else { return "0" }
    let isEdited = edits.index == nil ? edits.isOfAnother("\(Self.digestFunction)(\(text))") : edits.isMarked
    return "\(hasVector) AND \(isEdited)"
  }

  /// `isWanted` as far as no text is read for it.
  private var mayBeWanted: String {
    guard wanted == .edited, let edits, edits.index == nil else { return isWanted }
    return "\(hasVector) AND \(edits.digest) IS NOT NULL"
  }

  private var isMissing: String { MissingVector.condition(vector) }
  private var hasVector: String { "NOT \(isMissing)" }

  /// That a row takes a vector for its present text: it has none, or one of another text. One of which nobody knows the text
  /// counts as current.
  private var lacks: String {
    guard let edits else { return isMissing }
    return "(\(isMissing) OR \(edits.differs(from: "\(Self.digestFunction)(\(text))")))"
  }

  /// The index that holds the wanted rows alone, and its condition; nil where there is none.
  private var index: (name: String, condition: String)? {
    wanted == .missing
      ? missingIndex.map { ($0, "(\(MissingVector.predicate(vector)))") }
      : edits?.index.map { ($0, edits?.isMarked ?? "") }
  }

  /// The table by the index that holds the rows to look at, in the key's order.
  private var ordered: String {
    // SQLite lets a statement choose no index behind a view.
    source.view != nil ? read : "\(name) " + (index.map { "INDEXED BY \($0.name.quotedIdentifier)" } ?? key.access)
  }

  /// What is read, in the key's order, whatever its rows hold.
  private var byKey: String { source.view != nil ? read : "\(name) \(key.access)" }

  /// The key of the row at which a window of `rows` rows in the range ends; of none where fewer are left.
  func windowEnd(in range: SQLiteRange, rows: Int) -> String {
    // With the index of the wanted rows, a window is so many of those.
    let conditions = range.conditions + (index.map { [$0.condition] } ?? [])
    return """
      SELECT \(key.selected) FROM \(ordered) \(Self.where(conditions))
      ORDER BY \(order) LIMIT 1 OFFSET \(rows - 1)
      """
  }

  /// The keys and texts of the range's wanted rows, in the key's order.
  func page(in range: SQLiteRange, sample: KeySample? = nil) -> String {
    let conditions = range.conditions + remaining + (sample.map { [chosen(by: $0)] } ?? [])
    return """
      SELECT \(key.selected), \(text) FROM \(ordered) \(Self.where(conditions)) ORDER BY \(order)
      """
  }

  /// The first key of a row that a page may be of: no text is read for it but in the source's own condition.
  func nextKey(in range: SQLiteRange, sample: KeySample? = nil) -> String {
    let conditions =
      range.conditions + [mayBeWanted] + (condition.map { [$0] } ?? []) + (sample.map { [chosen(by: $0)] } ?? [])
    return "SELECT \(key.selected) FROM \(ordered) \(Self.where(conditions)) ORDER BY \(order) LIMIT 1"
  }

  func countRemaining(in range: SQLiteRange) -> String {
    "SELECT count(*) FROM \(ordered) \(Self.where(range.conditions + remaining))"
  }

  /// The order in which keys are read.
  private var order: String { source.order == .oldest ? key.ascending : key.descending }

  private static func `where`(_ conditions: [String]) -> String {
    conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
  }

  private func chosen(by sample: KeySample) -> String {
    let bound = sample.bound.hex
    return "\(Self.digestFunction)(\(key.text) || '\(sample.salt)') < x'\(bound)'"
  }

  var lastKey: String {
    "SELECT \(key.selected) FROM \(name) ORDER BY \(source.order == .oldest ? key.descending : key.ascending) LIMIT 1"
  }

  /// That a row of the table meets `conditions` on what is read.
  private func isMet(_ conditions: [String]) -> String {
    guard source.view != nil else { return conditions.joined(separator: " AND ") }
    let isRow = key.equality(of: read, and: name)
    return "EXISTS (SELECT 1 FROM \(read) WHERE \(([isRow] + conditions).joined(separator: " AND ")))"
  }

  /// An expression over the columns of what is read, for a row of the table; NULL where a view doesn't show it.
  private func ofRow(_ expression: String) -> String {
    source.view == nil
      ? expression : "(SELECT \(expression) FROM \(read) WHERE \(key.equality(of: read, and: name)) LIMIT 1)"
  }

  /// Writes a vector, with `edits: digest` the text's digest too, to the row that `isRow` finds and whose text has a digest:
  /// arguments in this order. Whatever a constraint says of conflicts, one ends this statement alone.
  func update(_ isRow: String) -> String {
    let holds = (condition.map { [$0] } ?? []) + ["\(Self.digestFunction)(\(text)) = ?"]
    return """
      UPDATE OR ABORT \(name) SET \(vector) = ?\(edits.map { ", \($0.digest) = ?" } ?? "") WHERE \(isRow)
      AND \(lacks) AND \(isMet(holds))
      """
  }

  /// Empties the vector of the row that `isRow` finds where it is of another text than the row has; nil where nobody knows.
  func emptying(_ isRow: String) -> String? {
    guard let edits, source.view == nil else { return nil }
    let holds =
      [isRow, hasVector, edits.isOfAnother("\(Self.digestFunction)(\(text))")] + (condition.map { [$0] } ?? [])
    return
      "UPDATE OR ABORT \(name) SET \(vector) = NULL, \(edits.digest) = NULL WHERE \(holds.joined(separator: " AND "))"
  }

  /// Whether the row that `isRow` finds has a vector, and whether it could still take one for the text of a digest: the
  /// digest is the first argument.
  func state(_ isRow: String) -> String {
    let holds = ["\(Self.digestFunction)(\(text)) = ?"] + (condition.map { [$0] } ?? [])
    return "SELECT \(hasVector), \(lacks) AND \(isMet(holds)) FROM \(name) WHERE \(isRow)"
  }

  /// The keys of up to `most` rows that lack a vector, or have one, and meet the condition, among the first 2,000 in `order`.
  func ends(by order: String, areFilled: Bool, most: Int) -> String {
    """
    SELECT \(key.selected) FROM (
      SELECT \(key.selected), CASE WHEN \(areFilled ? hasVector : lacks) THEN \(condition ?? "1") ELSE 0 END AS vecfill_wanted
      FROM \(read) ORDER BY \(order) LIMIT 2000)
    WHERE vecfill_wanted LIMIT \(most)
    """
  }

  /// Writes a vector to the row that `isRow` finds, whatever it holds.
  func trial(_ isRow: String) -> String { "UPDATE OR ABORT \(name) SET \(vector) = ? WHERE \(isRow)" }

  /// Whether the row that `isRow` finds has a vector.
  func vectorIsThere(_ isRow: String) -> String { "SELECT \(hasVector) FROM \(name) WHERE \(isRow)" }

  /// All keys with their vectors.
  var vectors: String {
    "SELECT \(key.selected), CAST(\(vector) AS BLOB) FROM \(name) WHERE \(hasVector)"
  }

  /// A few rows that have a vector: texts of at most so many bytes, and at most so many rows.
  var filled: String {
    """
    SELECT \(ofRow("CASE WHEN length(\(text)) <= ? THEN \(text) END")), CAST(\(vector) AS BLOB) FROM \(name)
    WHERE \(hasVector) LIMIT ?
    """
  }

  /// The vector of the row that `isRow` finds where its text has a digest, which is the last argument.
  func vectorOfText(_ isRow: String) -> String {
    """
    SELECT CAST(\(vector) AS BLOB) FROM \(name)
    WHERE \(isRow) AND \(hasVector) AND \(Self.digestFunction)(\(text)) = ?
    """
  }

  /// The next rows of a range: the key, whether the row meets the source's condition, and if so the text, the form and
  /// the bytes of the vector, and whether the digest that is kept is of another text.
  func audited(in range: SQLiteRange, rows: Int) -> String {
    let meets = condition ?? "1"
    func ifMet(_ value: String) -> String { "CASE WHEN \(meets) THEN \(value) END" }
    let isStale = edits.map { $0.isOfAnother("\(Self.digestFunction)(\(text))") } ?? "NULL"
    return """
      SELECT \(key.selected), CASE WHEN \(meets) THEN 1 ELSE 0 END, \(ifMet(text)), \(ifMet("iif(\(isMissing), 'null', typeof(\(vector)))")),
        \(ifMet("CAST(\(vector) AS BLOB)")),
        \(ifMet(isStale))
      FROM \(byKey) \(Self.where(range.conditions)) ORDER BY \(key.ascending) LIMIT \(rows)
      """
  }

  /// The first key of a range, whatever its row holds.
  func firstKey(in range: SQLiteRange) -> String {
    """
    SELECT \(key.selected) FROM \(byKey) \(Self.where(range.conditions)) ORDER BY \(key.ascending) LIMIT 1
    """
  }

  /// The text, of at most so many bytes, and the vector of the row that `isRow` finds.
  func filledRow(_ isRow: String) -> String {
    """
    SELECT CASE WHEN length(\(text)) <= ? THEN \(text) END, CAST(\(vector) AS BLOB) FROM \(read)
    WHERE \(isRow) AND \(hasVector)
    """
  }

  /// The text of the row that `isRow` finds, where it is wanted.
  func textOfWantedRow(_ isRow: String) -> String { "SELECT \(text) FROM \(read) WHERE \(isRow) AND \(isWanted)" }

  /// The text of the row that `isRow` finds.
  func textOfRow(_ isRow: String) -> String { "SELECT \(text) FROM \(read) WHERE \(isRow)" }

  /// Whether the file has any trigger, of this table or another.
  static func hasTriggers(in database: Database) throws -> Bool {
    try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger')") ?? true
  }

  /// The SQL function by which the database digests a text itself.
  static let digestFunction = "vecfill_sha256"
}
