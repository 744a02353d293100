import Backfill
import Postgres

/// Writes a vector to rows in transactions that are rolled back, to see what the database would do.
struct PostgresTrial: Sendable {
  enum Finding {
    case takes
    /// It refuses the vector, or takes it away.
    case refuses
    /// The text is another after each write, so that no vector is ever of it.
    case moves
    /// Somebody holds the row, or it is gone.
    case unknown
  }

  let table: PostgresTable
  let vector: ArraySlice<Float>
  /// Whether a text that a write changes is looked at.
  let looksAtText: Bool

  private struct State {
    let hasVector: Bool
    /// Whether this transaction has written the row.
    let isOwn: Bool
    let digest: [UInt8]?
  }

  private static let lockTimeout: Duration = .milliseconds(200)

  func finding(for key: RowKey, on connection: isolated PostgresConnection) throws -> Finding {
    do {
      guard let states = try states(of: key, on: connection) else { return .unknown }
      let isMoved = states[0].digest != states[1].digest
      let isWritten = states[1].hasVector && (states[1].isOwn || !states[0].hasVector)
      if isWritten, !isMoved || table.edits == nil { return .takes }
      guard isMoved else { return .refuses }
      // Once more, and at another time: a text may count its writes, or have the time of the last one.
      guard let later = try self.states(of: key, on: connection) else { return .unknown }
      return states[1].digest != states[2].digest || states[1].digest != later[1].digest ? .moves : .takes
    } catch let error as PostgresError where !error.isServerFault {
      return error.isConflict ? .unknown : .refuses
    }
  }

  /// The row before, after a first and after a second write; nil where it is gone.
  private func states(of key: RowKey, on connection: isolated PostgresConnection) throws -> [State]? {
    var bytes: [UInt8] = []
    table.encode(vector, to: &bytes)
    let vector = PostgresValue.binary(bytes)
    let keys = table.key.parameters(key)
    let update =
      "UPDATE \(table.name) SET \(table.vector) = $1 WHERE \(table.key.equality { "$\($0 + 2)" })"
    let (hasVector, isOwn) = ("\(table.vector) IS NOT NULL", PostgresTable.isOwn)
    let state = """
      SELECT CASE WHEN \(hasVector) THEN 1 ELSE 0 END::pg_catalog.int8, CASE WHEN \(isOwn) THEN 1 ELSE 0 END::pg_catalog.int8,
        \(looksAtText ? table.digest : "NULL")
      FROM \(table.name) WHERE \(table.key.equality { "$\($0 + 1)" })
      """
    let results = try connection.segments { pipeline in
      try pipeline.add("BEGIN")
      try pipeline.add(table.settings(.seconds(10), lockTimeout: Self.lockTimeout))
      try pipeline.add(state, keys, format: .binary)
      for _ in 0..<2 {
        try pipeline.add(update, [vector] + keys)
        // What is checked and run at COMMIT alone.
        try pipeline.add("SET CONSTRAINTS ALL IMMEDIATE")
        try pipeline.add(state, keys, format: .binary)
      }
      // There is no COMMIT: what is open at the end is rolled back.
    }[0].get()
    let states = [results[2], results[5], results[8]].compactMap { result -> State? in
      guard !result.isEmpty else { return nil }
      func isSo(_ column: Int) -> Bool { result.withBytes(row: 0, column: column) { $0.last == 1 } ?? false }
      return State(
        hasVector: isSo(0), isOwn: isSo(1), digest: result.withBytes(row: 0, column: 2) { Array($0) })
    }
    return states.count == 3 ? states : nil
  }
}

/// What the fate of a write's rows says of the table's others.
extension PostgresWrite {
  /// Whether the text is looked at that a row has after its write.
  var guardsText: Bool { !takesMoved && table.source.edits != .ignore && table.view == nil }

  /// They are looked for among so many rows.
  private static let window = 2_000

  /// Whether the database refuses not only all of a write's rows but also others, which are tried for it.
  func refusesAll(
    _ rows: [EmbeddedRow], _ outcome: WriteOutcome, on connection: isolated PostgresConnection
  ) throws -> Bool {
    guard !isLoad, outcome.hasOnlyRefused,
      let vector = rows.first(where: { table.fault(of: $0.vector) == nil })?.vector
    else { return false }
    let trial = PostgresTrial(table: table, vector: vector, looksAtText: guardsText)
    let known = Set(rows.map(\.key))
    return try outcome.isOfWholeTable(
      others: { try others(than: known, areFilled: $0, on: connection) },
      takes: { key in
        switch try trial.finding(for: key, on: connection) {
        case .takes: true
        case .refuses, .moves: false
        case .unknown: nil
        }
      })
  }

  /// Rows at both ends of the table that lack a vector, or have one, and meet the source's condition.
  func others(
    than known: Set<RowKey>, areFilled: Bool = false, on connection: isolated PostgresConnection
  ) throws -> [RowKey] {
    // Those of the write are among them, perhaps.
    let most = WriteOutcome.mostTried + known.count
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
        keys += found.filter { !known.contains($0) && !keys.contains($0) }.prefix(WriteOutcome.mostTried)
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
