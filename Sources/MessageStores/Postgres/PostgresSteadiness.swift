import Backfill
import Postgres

/// Whether a text that is an SQL expression, or a view's column, is the same when it is read twice: one with `now()` or
/// `random()` would be paid for again and again, as no vector is ever of the present text.
struct PostgresSteadiness: Sendable {
  let table: PostgresTable

  /// So many rows are looked at, the first ones by their key.
  private static let rows = 20
  /// A text must differ in this many reads in a row; a single difference may be an edit.
  private static let times = 3
  /// Texts that take longer to read are read only once more, and all must differ.
  private static let longRead: Duration = .seconds(1)

  /// Throws a `Failure` where a row's text differs each time.
  func check(on connection: isolated PostgresConnection) throws {
    guard table.view != nil || table.source.text.columns == nil else { return }
    let started = ContinuousClock.now
    var last = try digests(on: connection)
    let isSlow = ContinuousClock.now - started > Self.longRead
    var unsteady = Set(last.keys)
    for _ in 0..<(isSlow ? 1 : Self.times) where !unsteady.isEmpty {
      let next = try digests(on: connection)
      unsteady = unsteady.filter { next[$0] != nil && next[$0] != last[$0] }
      last = next
    }
    guard let key = unsteady.first, !isSlow || unsteady.count == Self.rows else { return }
    throw Failure(
      .configuration, table.source.reading.description,
      "its text is another each time it is read, though nobody edits it (\(table.source.key) \(key))",
      remedy: "make the text of what the rows hold alone, without now(), random() and the like")
  }

  /// The digests of the texts, in a transaction of its own; none where one can't be read, which a page finds out.
  private func digests(on connection: isolated PostgresConnection) throws -> [RowKey: [UInt8]] {
    let statement = """
      SELECT CASE WHEN \(table.isTooLong) THEN NULL ELSE \(table.digest) END, \(table.key.outputs)
      FROM (SELECT * FROM \(table.read) ORDER BY \(table.key.order(of: table.readIdentifier)) LIMIT \(Self.rows))
        AS \(table.readIdentifier)
      """
    do {
      let rows = try connection.query(statement, format: .binary, under: table.settings(.seconds(10)))
      var digests: [RowKey: [UInt8]] = [:]
      for row in rows.indices {
        digests[try table.key(of: rows, row: row, from: 1)] = rows.withBytes(row: row, column: 0) { Array($0) }
      }
      return digests
    } catch let error as PostgresError where !error.isServerFault {
      return [:]
    }
  }
}
