import Backfill
import Foundation
import PgVector
import Postgres

/// The rows of a table from one key up to another, looked at in windows of bounded size.
///
/// Where an index holds the rows that lack a vector, a window is of those that it holds; else it is of any rows, by the key.
struct PostgresRange: Sendable {
  /// The most rows that one statement looks at.
  static let window = 20_000
  /// The same where the text of each has to be read to see whether it lacks vectors.
  static let windowOfTexts = 1_000

  private let table: PostgresTable
  private let after: RowKey?
  private let through: RowKey?
  private let wanted: PageRequest.Rows
  /// SQL for whether a row is a wanted one, in place of the table's own.
  private let missing: String?

  private var window: Int { table.pieces == nil ? Self.window : Self.windowOfTexts }

  /// - Parameter missing: SQL for whether a row lacks a vector; the default is the table's.
  init(
    of table: PostgresTable, _ wanted: PageRequest.Rows = .missing, after: RowKey? = nil, through: RowKey? = nil,
    missing: String? = nil
  ) {
    self.table = table
    self.wanted = wanted
    self.after = after
    self.through = through
    self.missing = missing
  }

  /// Whether an index holds the wanted rows alone.
  private var isIndexed: Bool {
    wanted == .missing ? table.missingRowsIndex != nil : table.edits?.areMarked == true
  }

  /// The keys of the range's ends, for the parameters from $2 on.
  var parameters: [PostgresValue] { [after, through].compactMap(\.self).flatMap(table.key.parameters) }

  var settings: PostgresSettings {
    var settings = table.settings()
    settings.weighsFunctions = isIndexed
    return settings
  }

  /// The window's rows in key order: the key under its aliases, the text as `vecfill_text`, its bytes as
  /// `vecfill_bytes`, and as `vecfill_meets` whether the row is a wanted one and meets `condition`. Without `readsText` those
  /// that may be wanted count.
  ///
  /// What no statement asks for, PostgreSQL leaves out. A text that is more than a column's value is computed for rows
  /// that may be wanted alone, and a template's for none that is too long.
  func rows(meeting condition: String, readsText: Bool = true) -> String {
    """
    SELECT \(table.key.aliased), \(text(readsText: readsText)),
      CASE WHEN \(isWanted(readsText: readsText)) THEN \(condition) ELSE false END AS vecfill_meets
    FROM \(table.read) WHERE \(restriction) ORDER BY \(order) LIMIT \(window)
    """
  }

  private func isWanted(readsText: Bool) -> String { missing ?? table.isOne(of: wanted, readsText: readsText) }

  private func text(readsText: Bool) -> String {
    // Even for a row that isn't asked for a text is computed that calls a volatile function, and the bytes of a view's
    // column are those of its expression.
    if !readsText, table.view != nil || table.source.text.columns == nil {
      return "NULL::pg_catalog.text AS vecfill_text, 0 AS vecfill_bytes"
    }
    // An edited row's text is read to be compared, so once more for its sake would be useless.
    let isMissing = isWanted(readsText: readsText && wanted == .missing)
    return switch table.source.text {
    case .column(let name):
      "\(name.quotedIdentifier) AS vecfill_text, pg_catalog.octet_length(\(name.quotedIdentifier)) AS vecfill_bytes"
    case .template:
      """
      CASE WHEN \(isMissing) THEN CASE WHEN \(table.isTooLong) THEN NULL ELSE \(table.text) END END AS vecfill_text,
      CASE WHEN \(isMissing) THEN \(table.source.text.postgresStoredLength ?? "0") END AS vecfill_bytes
      """
    // Its length is asked for where the text is.
    case .sql: "CASE WHEN \(isMissing) THEN \(table.text) END AS vecfill_text, 0 AS vecfill_bytes"
    }
  }

  /// The bytes of the text of a row of `rows(meeting:)`, told without reading it where that can be.
  var length: String {
    if case .sql = table.source.text { "pg_catalog.octet_length(vecfill_text)" } else { "vecfill_bytes" }
  }

  /// How many of the window's rows are wanted ones and meet the source's condition, and the window's last key; nil where
  /// the range ends with it.
  func count(on connection: isolated PostgresConnection) throws -> (found: Int, end: RowKey?) {
    let results = try connection.segments { pipeline in
      try pipeline.add(settings)
      // Both take the parameters from $2 on.
      for statement in [
        "SELECT count(*) FROM (\(counted)) AS vecfill_rows WHERE vecfill_meets AND $1::bool",
        "SELECT \(table.key.aliasedOutputs) FROM (\(end)) AS vecfill_end WHERE $1::bool",
      ] {
        try pipeline.add(statement, ["true"] + parameters, format: .binary)
      }
    }[0].get()
    let count = results[1].withBytes(row: 0, column: 0) { Int64(bigEndian: $0.loadUnaligned(as: Int64.self)) }
    return (Int(count ?? 0), results[2].isEmpty ? nil : try table.key(of: results[2], row: 0, from: 0))
  }

  /// The window's rows, of which `vecfill_meets` says whether they count. Where the index holds no other rows, nothing is
  /// read but the index, as far as vacuum has marked the table's pages.
  private var counted: String {
    guard wanted == .missing, isIndexed, table.source.condition == nil else { return rows(meeting: table.condition) }
    return """
      SELECT true AS vecfill_meets FROM \(table.read) WHERE \(restriction) ORDER BY \(order) LIMIT \(window)
      """
  }

  /// The keys of those of the window's rows that count and have the `ranks`, counted from 1 in key order; in that order,
  /// and fewer where there are fewer rows.
  func keys(at ranks: [Int], on connection: isolated PostgresConnection) throws -> [RowKey] {
    let statement = """
      SELECT \(table.key.aliasedOutputs) FROM (
        SELECT \(table.key.aliases), row_number() OVER (ORDER BY \(table.key.aliasOrder(table.direction))) AS vecfill_rank
        FROM (\(rows(meeting: table.condition))) AS vecfill_rows WHERE vecfill_meets
      ) AS vecfill_ranked WHERE vecfill_rank = ANY ($1::pg_catalog.int8[]) ORDER BY vecfill_rank
      """
    let found = try connection.query(
      statement, [.array(ranks.map { "\($0)" })] + parameters, format: .binary, under: settings)
    return try found.indices.map { try table.key(of: found, row: $0, from: 0) }
  }

  /// The window's last key under its aliases; no row where the range ends before.
  var end: String {
    """
    SELECT \(table.key.aliased) FROM \(table.read) WHERE \(restriction) ORDER BY \(order) OFFSET \(window - 1) LIMIT 1
    """
  }

  private var order: String { table.key.order(table.direction, of: table.readIdentifier) }

  private var restriction: String {
    var terms: [String] = []
    let width = table.key.columns.count
    let (behind, upTo) = table.source.order == .oldest ? (">", "<=") : ("<", ">=")
    if after != nil { terms.append(table.key.comparison(behind, parametersFrom: 2)) }
    if through != nil { terms.append(table.key.comparison(upTo, parametersFrom: after == nil ? 2 : 2 + width)) }
    // They come first from the greatest value down, and are found by the key.
    if let leading = table.leading { terms.append("\(leading.identifier) IS NOT NULL") }
    guard wanted == .missing else {
      if isIndexed { terms.append(onlyIndexed(table.isMarked)) }
      return terms.isEmpty ? "true" : terms.joined(separator: " AND ")
    }
    if isIndexed { terms.append(onlyIndexed("\(table.vector) IS NULL")) }
    // The index implies this one, too, and no scan of it computes it.
    if table.missingRowsIndex == .texts, let isText = MissingRowsIndex.isText(table.source.text) {
      terms.append(isText)
    }
    return terms.isEmpty ? "true" : terms.joined(separator: " AND ")
  }

  /// `condition`, in a form that only the index of such rows answers at a low cost.
  ///
  /// The second term says nothing new. The index implies it, as it does the first, and so a scan of the index never
  /// computes it, while any other scan would have to: by the planner's count, whatever its statistics say, for every row
  /// of the table at the price of a text search vector.
  private func onlyIndexed(_ condition: String) -> String {
    var text = "\(table.key.columns[0].identifier)::pg_catalog.text"
    if case .column = table.source.text { text = table.text }
    let dear = "pg_catalog.to_tsvector('pg_catalog.simple'::pg_catalog.regconfig, \(text)) IS NULL"
    return "\(condition) AND (\(condition) OR \(dear))"
  }
}
