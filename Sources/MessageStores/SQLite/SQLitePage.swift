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
      } catch let error as DatabaseError where error.isOfRow {
        // One of the rows behind the last: they are looked at one by one up to it, and the page goes on behind it.
        func behind(_ key: RowKey) throws -> SQLiteRange {
          try SQLiteRange(of: table.key, in: table.source.order, after: key, through: end ?? request.through)
        }
        if let last { range = try behind(last) }
        var isFound = false
        while !isFound {
          guard let key = try nextKey(in: range, request.sample) else {
            return MessagePage(messages, continuesAfter: end)
          }
          range = try behind(key)
          guard let message = try message(of: key) else { continue }
          if add(message, of: message.text?.utf8.count ?? 0) { return MessagePage(messages, continuesAfter: key) }
          isFound = message.unreadable != nil
        }
      }
    }
  }

  private func nextKey(in range: SQLiteRange, _ sample: KeySample?) throws -> RowKey? {
    try asking {
      try table.key.first(
        table.nextKey(in: range, sample: sample), range.statementArguments, of: table.source, in: database)
    }
  }

  /// Runs a statement that reads no text: if it fails for a row, the condition is at fault.
  private func asking<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as DatabaseError where error.isOfRow && table.source.condition != nil {
      throw Failure(
        .configuration, table.source.conditionPlace ?? table.source.name,
        "SQLite can't ask this where of each row of \(table.source.name): it fails for one "
          + "(error \(error.extendedResultCode.rawValue))",
        remedy: "write it so that it fails for none, e.g. CASE WHEN json_valid(column) THEN … END")
    }
  }

  /// The row, which may be one whose text can't be read; nil where it is not wanted.
  private func message(of key: RowKey) throws -> Message? {
    let (isRow, arguments) = try table.key.comparison("=", key)
    do {
      return try database.withLengths(upTo: UnreadableText.mostBytes) {
        let row = try Row.fetchCursor(
          database, sql: table.textOfWantedRow(isRow), arguments: StatementArguments(arguments))
        return try row.next()?.withUnsafeData(atIndex: 0) { Self.message(key, $0) }
      }
    } catch let error as DatabaseError where error.isOfRow {
      guard error.resultCode != .SQLITE_TOOBIG else { return Message(key: key, unreadable: .tooLong) }
      let reason = "SQLite can't read it (error \(error.extendedResultCode.rawValue))"
      return Message(key: key, unreadable: UnreadableText(reason: reason))
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
    let rows = try asking {
      try Int.fetchOne(database, sql: table.countRemaining(in: range), arguments: range.statementArguments)
    }
    return (rows ?? 0, end)
  }
}
