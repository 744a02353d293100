import Backfill
import Postgres

/// A page that is read key by key because a text in it can't be read.
struct PostgresRowwisePage: Sendable {
  let table: PostgresTable
  let request: PageRequest
  /// The bytes of text after which the page ends.
  let bytes: Int

  /// So many rows are asked for in one round trip.
  private static let group = 100

  private var range: PostgresRange {
    PostgresRange(of: table, request.rows, after: request.after, through: request.through)
  }

  private struct Found {
    let key: RowKey
    /// The text's bytes in the database, as far as they can be told without reading it.
    let length: Int

    var isTooLong: Bool { length > UnreadableText.mostBytes }
  }

  func read(on connection: isolated PostgresConnection) throws -> MessagePage {
    let (found, end) = try find(on: connection)
    var messages: [Message] = []
    var read = 0
    var next = 0
    var isCut = false
    while next < found.count, !isCut {
      var group: [Found] = []
      while next < found.count, group.count < Self.group, read < bytes {
        group.append(found[next])
        read += found[next].isTooLong ? 0 : found[next].length
        next += 1
      }
      messages += try self.messages(of: group, on: connection)
      isCut = next < found.count && read >= bytes
    }
    let last = next > 0 ? found[next - 1].key : nil
    return MessagePage(messages, continuesAfter: isCut || found.count == request.limit ? last : end)
  }

  /// The keys of the window's rows that lack a vector, at most the request's limit, and the window's last key. No text
  /// is read for them, so the condition, which may need it, waits.
  private func find(on connection: isolated PostgresConnection) throws -> (found: [Found], end: RowKey?) {
    let condition = request.sample.map(table.isChosen) ?? "true"
    let statement = """
      WITH vecfill_found AS MATERIALIZED (
        SELECT \(table.key.aliases), vecfill_bytes AS vecfill_length
        FROM (\(range.rows(meeting: condition, readsText: false))) AS vecfill_rows WHERE vecfill_meets LIMIT $1
      )
      SELECT 'm', coalesce(vecfill_length, 0)::pg_catalog.int8, \(table.key.aliasedOutputs) FROM vecfill_found
      UNION ALL
      SELECT 'e', 0, \(table.key.aliasedOutputs) FROM (\(range.end)) AS vecfill_end
      WHERE (SELECT count(*) FROM vecfill_found) < $1
      """
    let parameters = [.integer(Int64(request.limit))] + range.parameters
    let rows = try connection.query(statement, parameters, format: .binary, under: range.settings)
    var found: [Found] = []
    var end: RowKey?
    for row in rows.indices {
      let key = try table.key(of: rows, row: row, from: 2)
      if rows.text(row: row, column: 0) == "m" {
        let length = rows.withBytes(row: row, column: 1) { Int64(bigEndian: $0.loadUnaligned(as: Int64.self)) }
        found.append(Found(key: key, length: Int(length ?? 0)))
      } else {
        end = key
      }
    }
    return (found, end)
  }

  /// A row's text, where it still lacks a vector and meets the condition.
  private func messages(of rows: [Found], on connection: isolated PostgresConnection) throws -> [Message] {
    let keys = rows.map(\.key)
    let tooLong = Set(rows.filter(\.isTooLong).map(\.key))
    let isOne = table.isOne(of: request.rows)
    let taken = try readEach(keys, condition: "\(isOne) AND \(table.condition)", on: connection)
    // Where it is the text that can't be read, it can't be read without the condition either.
    let failed = zip(keys, taken).filter { if case .failure = $1 { true } else { false } }
    let alone = try readEach(failed.map(\.0), condition: "true", on: connection)
    let raw = try readEach(failed.map(\.0), condition: "true", inOwnEncoding: true, on: connection)
    var unreadable: [RowKey: Message] = [:]
    for (index, (key, whole)) in failed.enumerated() {
      guard case .failure(let error) = alone[index] else {
        // Its text can be read: the condition fails.
        if case .failure(let error) = whole { throw conditionFailure(error, of: key) }
        continue
      }
      let digest = try? raw[index].get()?.withBytes(row: 0, column: 0) { TextDigest(ofUTF8: $0) }
      unreadable[key] = Message(
        key: key, unreadable: UnreadableText(reason: error.unreadableReason, digest: digest ?? TextDigest(of: "")))
    }
    return zip(keys, taken).compactMap { key, result in
      if let message = unreadable[key] { return message }
      guard case .success(let row?) = result else { return nil }
      let isTooLong = row.withBytes(row: 0, column: 1) { $0.first == 1 } ?? false
      if isTooLong || tooLong.contains(key) { return Message(key: key, unreadable: .tooLong) }
      let message = row.message(key, row: 0, column: 0)
      return message.isBlank && request.leavesOutBlank ? nil : message
    }
  }

  /// That the source's condition fails for the row of `key`.
  private func conditionFailure(_ error: PostgresError, of key: RowKey) -> any Error {
    guard error.isOfRows, let place = table.source.conditionPlace else { return error }
    return error.conditionFailure(of: table.source, at: place, "the row of \(table.source.key) \(key)")
  }

  /// For each key its row's text, NULL where it is too long, and whether it is; nil where there is no such row any more, or what reading it fails with.
  private func readEach(
    _ keys: [RowKey], condition: String, inOwnEncoding: Bool = false, on connection: isolated PostgresConnection
  ) throws -> [Result<PostgresResult?, PostgresError>] {
    guard !keys.isEmpty else { return [] }
    let statement = """
      SELECT CASE WHEN \(table.isTooLong) THEN NULL ELSE \(table.text) END, \(table.isTooLong)
      FROM \(table.read)
      WHERE \(table.key.equality { "$\($0 + 1)" }) AND \(table.isOne(of: request.rows, readsText: false)) AND \(condition)
      """
    let segments = try connection.segments { pipeline in
      for (index, key) in keys.enumerated() {
        if index > 0 { try pipeline.sync() }
        try pipeline.add(table.settings(.seconds(10)))
        if inOwnEncoding {
          try pipeline.add(
            "SELECT pg_catalog.set_config('client_encoding', pg_catalog.getdatabaseencoding()::pg_catalog.text, true)")
        }
        try pipeline.add(statement, table.key.parameters(key), format: .binary)
      }
    }
    return segments.map { segment in segment.map { $0.last.flatMap { $0.isEmpty ? nil : $0 } } }
  }
}

extension PostgresError {
  /// What it means where it is the condition of `source` that fails, for `row`.
  func conditionFailure(of source: Source, at place: String, _ row: String) -> Failure {
    Failure(
      .configuration, place, "this where of \(source.name) fails for \(row): \(failure(place).reason)",
      remedy: "write it so that it fails for no row, e.g. by a CASE")
  }

  /// Why a text can't be read, without a word of it.
  fileprivate var unreadableReason: String {
    let reason =
      switch sqlState {
      case "22021", "22P05": "its bytes are no text in the database's encoding, or have no UTF-8 form"
      case "XX001", "XX002": "its stored value is damaged"
      case "57014": "reading it takes longer than 10 s"
      default: "PostgreSQL can't read it"
      }
    return sqlState.map { "\(reason) (SQLSTATE \($0))" } ?? reason
  }
}
