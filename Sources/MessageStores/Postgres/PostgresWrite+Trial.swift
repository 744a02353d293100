import Backfill
import Postgres

/// What the fate of a write's rows says of the table's others.
extension PostgresWrite {
  /// Whether the text is looked at that a row has after its write.
  var guardsText: Bool { !takesMoved && table.source.edits != .ignore && table.view == nil }

  /// They are looked for among so many rows.
  private static let window = 2_000

  /// Says in the outcome of a write of `rows` whether the database refuses not only all of them but also others.
  func tryOthers(
    than rows: [EmbeddedRow], _ outcome: inout WriteOutcome, on connection: isolated PostgresConnection
  ) throws {
    guard looksAtOthers, !isLoad, outcome.hasOnlyRefused else { return }
    guard let vector = rows.first(where: { table.fault(of: $0.vector) == nil })?.vector else {
      return try judgeType(by: rows, &outcome, on: connection)
    }
    let trial = PostgresTrial(table: table, vector: vector, looksAtText: guardsText)
    let known = outcome.withoutVector
    try outcome.tryOthers(
      { try others(than: known, areFilled: $0, on: connection) },
      takes: { key in
        switch try trial.finding(for: key, on: connection) {
        case .takes: true
        case .refuses, .moves: false
        case .unknown: nil
        }
      })
  }

  /// So many rows whose vectors the column's type can't hold are no odd ones, where it holds none.
  private static let leastUnfit = 5

  /// Says in the outcome of a write of `rows`, of which the column's type can hold no vector, whether that is so of the
  /// model's vectors: no row has one.
  private func judgeType(
    by rows: [EmbeddedRow], _ outcome: inout WriteOutcome, on connection: isolated PostgresConnection
  ) throws {
    guard try others(than: outcome.withoutVector, areFilled: true, fromEach: 1, on: connection).isEmpty else { return }
    outcome.refusesAll = true
    outcome.leavesDoubt = rows.count < Self.leastUnfit
    for row in rows { outcome.refused[row.key]? += "; use vector(\(row.vector.count))" }
  }

  /// Rows at both ends of the table, at most `count` from each, that lack a vector, or have one, and meet the source's
  /// condition.
  func others(
    than known: Set<RowKey>, areFilled: Bool, fromEach count: Int = WriteOutcome.mostTried,
    on connection: isolated PostgresConnection
  ) throws -> [RowKey] {
    // Those of the write are among them, perhaps.
    let most = count + known.count
    let isOne = areFilled ? "\(table.vector) IS NOT NULL" : table.lacks(digest: table.digest)
    var keys: [RowKey] = []
    for direction in ["DESC", "ASC"] {
      let statement = """
        SELECT \(table.key.outputs)
        FROM (SELECT * FROM \(table.read) ORDER BY \(table.key.order(direction, of: table.readIdentifier))
          LIMIT \(Self.window)) AS \(table.readIdentifier)
        WHERE \(isOne) AND \(table.condition) LIMIT \(most)
        """
      do {
        let rows = try connection.query(statement, format: .binary, under: table.settings(.seconds(10)))
        let found = try rows.indices.map { try table.key(of: rows, row: $0, from: 0) }
        keys += found.filter { !known.contains($0) && !keys.contains($0) }.prefix(count)
      } catch let error as PostgresError where !error.isServerFault {
        continue
      }
    }
    return keys
  }

  /// Goes on with rows whose text their own write changes, and which were not written for that. A text that is another
  /// after each write would be paid for without end; one that a trigger only brings into its form gets its vector next.
  func writeMoved(
    _ rows: [EmbeddedRow], within lockTimeout: Duration, to outcome: inout WriteOutcome,
    on connection: isolated PostgresConnection
  ) throws {
    guard !rows.isEmpty else { return }
    var settling: [EmbeddedRow] = []
    for row in rows {
      switch try PostgresTrial(table: table, vector: row.vector, looksAtText: true).finding(
        for: row.key, on: connection)
      {
      case .takes, .refuses: settling.append(row)
      case .moves: outcome.refused[row.key] = "its text changes when its vector is written"
      case .unknown: outcome.locked.insert(row.key)
      }
    }
    if settling.count < rows.count {
      let hooks = try PostgresHooks(of: table, on: connection).description
      for row in rows where outcome.refused[row.key] != nil && !hooks.isEmpty {
        outcome.refused[row.key]? += "; look at \(hooks)"
      }
    }
    guard !settling.isEmpty else { return }
    var taking = self
    taking.takesMoved = true
    try taking.writeEach(settling, within: lockTimeout, to: &outcome, on: connection)
  }
}
