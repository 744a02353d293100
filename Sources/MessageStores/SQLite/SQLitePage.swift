import Backfill
import Foundation
import GRDB

/// Reads pages of a table's rows by windows of its keys, so that no statement looks at more rows than a window has.
struct SQLitePage {
  let table: SQLiteTable
  let database: Database
  /// The most rows of one window.
  let window: Int

  /// The range of one window behind `after`, and its last key; the key is nil where the window reaches the range's end.
  private func windowRange(after: RowKey?, through: RowKey?, rows: Int) throws -> (SQLiteRange, end: RowKey?) {
    let range = try SQLiteRange(of: table.key, in: table.source.order, after: after, through: through)
    let end = try table.key.first(
      table.windowEnd(in: range, rows: rows), range.statementArguments, of: table.source, in: database)
    guard let end else { return (range, nil) }
    return (try SQLiteRange(of: table.key, in: table.source.order, after: after, through: end), end)
  }

  func read(_ request: PageRequest, pageBytes: Int) throws -> MessagePage {
    let rows = max(window, request.limit)
    var (range, end) = try windowRange(after: request.after, through: request.through, rows: rows)
    var messages: [Message] = []
    var bytes = 0
    /// Whether the page is full with it.
    func add(_ message: Message, of count: Int) -> Bool {
      if !message.isBlank || !request.leavesOutBlank { messages.append(message) }
      bytes += count
      return messages.count >= request.limit || bytes >= pageBytes
    }
    while true {
      var last: RowKey?
      do {
        return try database.withLengths(upTo: UnreadableText.mostBytes) {
          let found = try Row.fetchCursor(
            database, sql: table.page(in: range, sample: request.sample), arguments: range.statementArguments)
          while let row = try found.next() {
            let key = try table.key.key(from: row, of: table.source)
            guard table.source.view == nil || key != last else {
              throw Failure(
                .configuration, table.source.reading.description,
                "it shows a row of \(table.source.name) more than once",
                remedy: "let the view give each row once, e.g. by a subquery in place of a join")
            }
            let isFull = try row.withUnsafeData(atIndex: table.key.columns.count) { data in
              add(Self.message(key, data), of: data?.count ?? 0)
            }
            if isFull { return MessagePage(messages, continuesAfter: key) }
            last = key
          }
          return MessagePage(messages, continuesAfter: end)
        }
      } catch let error as DatabaseError where error.resultCode == .SQLITE_TOOBIG {
        // One of the rows behind the last: it is looked at by itself, and the page goes on behind it.
        if let last {
          range = try SQLiteRange(of: table.key, in: table.source.order, after: last, through: end ?? request.through)
        }
        guard let key = try nextKey(in: range, request.sample) else {
          return MessagePage(messages, continuesAfter: end)
        }
        if add(try message(of: key), of: 0) { return MessagePage(messages, continuesAfter: key) }
        range = try SQLiteRange(of: table.key, in: table.source.order, after: key, through: end ?? request.through)
      }
    }
  }

  private func nextKey(in range: SQLiteRange, _ sample: KeySample?) throws -> RowKey? {
    try table.key.first(
      table.nextKey(in: range, sample: sample), range.statementArguments, of: table.source, in: database)
  }

  private func message(of key: RowKey) throws -> Message {
    let (isRow, arguments) = try table.key.comparison("=", key)
    do {
      return try database.withLengths(upTo: UnreadableText.mostBytes) {
        let row = try Row.fetchCursor(
          database, sql: table.textOfRow(isRow), arguments: StatementArguments(arguments))
        return try row.next()?.withUnsafeData(atIndex: 0) { Self.message(key, $0) } ?? Message(key: key, text: nil)
      }
    } catch let error as DatabaseError where error.resultCode == .SQLITE_TOOBIG {
      return Message(key: key, unreadable: .tooLong)
    }
  }

  /// A blank text stays in the database. A blob is a text where its bytes are one, as a text column holds either.
  private static func message(_ key: RowKey, _ bytes: Data?) -> Message {
    guard let bytes else { return Message(key: key, text: nil) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let digest = bytes.withUnsafeBytes { TextDigest(ofUTF8: $0) }
      return Message(key: key, unreadable: UnreadableText(reason: "its bytes are no UTF-8", digest: digest))
    }
    return Message(key: key, text: text.isBlank ? nil : text)
  }

  /// How many rows of one window lack a vector, and the window's last key; the key is nil at the table's end.
  func count(after: RowKey?) throws -> (rows: Int, end: RowKey?) {
    let (range, end) = try windowRange(after: after, through: nil, rows: window)
    let rows = try Int.fetchOne(
      database, sql: table.countRemaining(in: range), arguments: range.statementArguments)
    return (rows ?? 0, end)
  }
}
