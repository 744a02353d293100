import Backfill
import Foundation
import PgVector
import Postgres

/// The reading of one page.
struct PostgresPage: Sendable {
  let table: PostgresTable
  let request: PageRequest
  /// The bytes of text after which the page ends.
  let bytes: Int

  private var range: PostgresRange {
    PostgresRange(of: table, request.rows, after: request.after, through: request.through)
  }

  /// Reads the page; a row whose text can't be read is told as such.
  func read(on connection: isolated PostgresConnection) throws -> MessagePage {
    do {
      return try readAtOnce(on: connection)
    } catch let error as PostgresError where error.isOfRows {
      return try PostgresRowwisePage(table: table, request: request, bytes: bytes).read(on: connection)
    }
  }

  /// One statement, so that the page and its end are of one moment.
  ///
  /// A first column distinguishes a message, and one that is too long, from the window's end. A message comes with the number of rows that were found, which
  /// is greater than that of the messages where the bytes end the page. The lengths are read without the texts.
  private var statement: String {
    let order = table.key.aliasOrder(table.direction)
    let isTooLong = "coalesce(\(range.length) > \(UnreadableText.mostBytes), false)"
    let notBlank = request.leavesOutBlank ? "AND (\(isTooLong) OR \(Self.isText))" : ""
    return """
      WITH vecfill_found AS MATERIALIZED (
        SELECT \(table.key.aliases), \(isTooLong) AS vecfill_long,
          CASE WHEN NOT \(isTooLong) AND \(Self.isText) THEN vecfill_text END AS vecfill_text
        FROM (\(range.rows(meeting: condition))) AS vecfill_rows
        WHERE vecfill_meets \(notBlank) ORDER BY \(order) LIMIT $1
      )
      SELECT CASE WHEN vecfill_long THEN 'l' ELSE 'm' END, vecfill_count, \(table.key.aliasedOutputs), vecfill_text::pg_catalog.text FROM (
        SELECT \(table.key.aliases), vecfill_long, vecfill_text, count(*) OVER () AS vecfill_count,
          coalesce(sum(pg_catalog.octet_length(vecfill_text)) OVER (
            ORDER BY \(order) ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS vecfill_before
        FROM vecfill_found
      ) AS vecfill_page WHERE vecfill_before < \(bytes)
      UNION ALL
      SELECT 'e', 0, \(table.key.aliasedOutputs), NULL FROM (\(range.end)) AS vecfill_end
      WHERE (SELECT count(*) FROM vecfill_found) < $1
      """
  }

  private var condition: String {
    guard let sample = request.sample else { return table.condition }
    return "\(table.condition) AND \(table.isChosen(by: sample))"
  }

  private func readAtOnce(on connection: isolated PostgresConnection) throws -> MessagePage {
    let parameters = [.integer(Int64(request.limit))] + range.parameters
    let rows = try connection.query(statement, parameters, format: .binary, under: range.settings)
    var messages: [Message] = []
    messages.reserveCapacity(rows.count)
    var (found, count) = (0, 0)
    var last: RowKey?
    var end: RowKey?
    for row in rows.indices {
      let key = try table.key(of: rows, row: row, from: 2)
      let kind = rows.text(row: row, column: 0)
      guard kind != "e" else {
        end = key
        continue
      }
      guard table.view == nil || key != last else {
        throw Failure(
          .configuration, table.source.reading.description, "it shows a row of \(table.source.name) more than once",
          remedy: "let the view give each row once, e.g. by a subquery in place of a join")
      }
      found = rows.withBytes(row: row, column: 1) { Int(Int64(bigEndian: $0.loadUnaligned(as: Int64.self))) } ?? 0
      (count, last) = (count + 1, key)
      let message =
        kind == "l"
        ? Message(key: key, unreadable: .tooLong) : rows.message(key, row: row, column: 2 + table.key.columns.count)
      if !message.isBlank || !request.leavesOutBlank { messages.append(message) }
    }
    let isCut = count < found || found == request.limit
    return MessagePage(messages, continuesAfter: isCut ? last : end)
  }

  /// White space beyond ASCII's is known here only.
  private static let isText = MissingRowsIndex.isText("vecfill_text::pg_catalog.text")
}

extension PostgresTable {
  /// Whether a row is one of the sample's, by its key's text.
  func isChosen(by sample: KeySample) -> String {
    let bound = sample.bound.hex
    let digest = "pg_catalog.sha256(pg_catalog.convert_to(\(key.text) || '\(sample.salt)', 'UTF8'))"
    return "\(digest) < '\\x\(bound)'::pg_catalog.bytea"
  }

  /// Reads a key that came in binary form.
  func key(of rows: PostgresResult, row: Int, from column: Int) throws -> RowKey {
    guard let key = rows.rowKey(row: row, from: column, key) else {
      throw Failure(
        .badData, source.name, "a key can't be read: its bytes are no UTF-8, or its type was changed",
        remedy: "mend it, or start again")
    }
    return key
  }
}

extension PostgresResult {
  /// The message of a row whose text stands in `column`; a blank one leaves its text out. PostgreSQL sends a UTF-8
  /// database's bytes unchecked.
  func message(_ key: RowKey, row: Int, column: Int) -> Message {
    let message = withBytes(row: row, column: column) { bytes in
      String(validating: bytes, as: UTF8.self).map { Message(key: key, text: $0.isBlank ? nil : $0) }
        ?? Message(
          key: key, unreadable: UnreadableText(reason: "its bytes are no UTF-8", digest: TextDigest(ofUTF8: bytes)))
    }
    return message ?? Message(key: key, text: nil)
  }
}

extension PostgresError {
  /// Whether it may come from single rows' values, so that each row is to be tried alone.
  var isOfRows: Bool {
    guard !endsConnection, let sqlState else { return false }
    return isRaised || sqlState == "57014" || ["22", "2F", "38", "39", "54", "XX"].contains(sqlState.prefix(2))
  }

  /// Whether the SQL of the job is at fault, whatever the rows are.
  var isOfStatement: Bool { sqlState?.hasPrefix("42") == true && !isDenied || lacksParameters }

  /// Whether a statement that is given no parameters names one.
  private var lacksParameters: Bool { sqlState == "08P01" && !endsConnection }

  var statementReason: String { lacksParameters ? "it has a parameter, as $1, which has no value here" : reason }
}
