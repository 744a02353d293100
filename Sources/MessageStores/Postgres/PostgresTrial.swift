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
        // Runs deferred constraints and triggers now.
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
