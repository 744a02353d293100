import Backfill
import Postgres

/// Whether a text that is an SQL expression, or a view's column, is the same when it is read twice: one with `now()` or
/// `random()` would be paid for again and again, as no vector is ever of the present text. And whether a condition takes the
/// same rows: a row that is paid and then left out gets no vector.
struct PostgresSteadiness: Sendable {
  let table: PostgresTable

  /// So many rows are looked at, the first ones by their key.
  private static let rows = 20
  /// A text must differ in this many reads in a row; a single difference may be an edit.
  private static let times = 3
  /// Texts that take longer to read are read only once more, and all must differ.
  private static let longRead: Duration = .seconds(1)

  /// Throws a `Failure` where a row's text differs each time, or the rows that the source's condition takes.
  func check(on connection: isolated PostgresConnection) throws {
    try checkCondition(on: connection)
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

  private func checkCondition(on connection: isolated PostgresConnection) throws {
    guard table.source.condition != nil else { return }
    var last = try taken(on: connection)
    for _ in 0..<Self.times {
      let next = try taken(on: connection)
      if next == last { return }
      last = next
    }
    throw Failure(
      .configuration, table.source.conditionPlace ?? table.source.name,
      "this where of \(table.source.name) takes other rows each time it is asked, though nobody edits them",
      remedy: "make it of what the rows hold alone, without random() and the like")
  }

  /// The first rows that the condition takes; nil where it can't be asked, which a page finds out.
  private func taken(on connection: isolated PostgresConnection) throws -> Set<RowKey>? {
    let statement = """
      SELECT \(table.key.outputs) FROM (SELECT * FROM \(table.read)
        ORDER BY \(table.key.order(of: table.readIdentifier)) LIMIT \(Self.rows)) AS \(table.readIdentifier)
      WHERE \(table.condition)
      """
    do {
      let rows = try connection.query(statement, format: .binary, under: table.settings(.seconds(10)))
      return Set(try rows.indices.map { try table.key(of: rows, row: $0, from: 0) })
    } catch let error as PostgresError where !error.isServerFault {
      return nil
    }
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
