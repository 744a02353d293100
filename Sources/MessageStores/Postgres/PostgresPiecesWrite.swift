import Backfill
import Postgres

/// One write of pieces: those of all rows in one transaction, in which each row is locked against edits and its text
/// compared; where a row stands in the way, each row in a transaction of its own.
///
/// It throws a `PostgresError` where it is no row's fault, and leaves no transaction open. It can be repeated.
struct PostgresPiecesWrite: Sendable {
  let table: PostgresTable
  let pieces: PostgresPieces
  var lockTimeout: Duration

  private struct Row: Sendable {
    let key: RowKey
    let digest: TextDigest
    var pieces: [EmbeddedRow]
  }

  /// How long each of many rows waits for a lock that is known to be held.
  private static let shortly: Duration = .milliseconds(20)

  /// The database accepted an insert and there is no piece after it.
  private struct Suppressed: Error {}

  func run(_ embedded: [EmbeddedRow], on connection: isolated PostgresConnection) throws -> WriteOutcome {
    var outcome = WriteOutcome()
    var rows = Self.rows(embedded)
    for row in rows {
      if let fault = row.pieces.lazy.compactMap({ table.fault(of: $0.vector) }).first {
        outcome.refused[row.key] = fault
      }
    }
    rows.removeAll { outcome.refused[$0.key] != nil }
    guard !rows.isEmpty else { return outcome }
    do {
      try write(rows, to: &outcome, on: connection)
    } catch let error as PostgresError where error.isServerFault {
      throw error
    } catch let error where error is PostgresError || error is Suppressed {
      var alone = self
      // A lock that kept all from being written was waited for once; each of many rows can't wait as long again.
      if (error as? PostgresError)?.isLockTimeout == true { alone.lockTimeout = min(lockTimeout, Self.shortly) }
      for row in rows { try alone.writeAlone(row, to: &outcome, on: connection) }
    }
    if !outcome.locked.isEmpty {
      outcome.lockHolders = try PostgresLockHolders(table: table).describe(outcome.locked, on: connection)
    }
    if !outcome.unfilled.isEmpty { outcome.hooks = try PostgresHooks(of: table, on: connection).description }
    return outcome
  }

  private static func rows(_ embedded: [EmbeddedRow]) -> [Row] {
    var rows: [Row] = []
    for piece in embedded {
      if rows.last?.key == piece.key {
        rows[rows.count - 1].pieces.append(piece)
      } else {
        rows.append(Row(key: piece.key, digest: piece.digest, pieces: [piece]))
      }
    }
    return rows
  }

  private func writeAlone(
    _ row: Row, to outcome: inout WriteOutcome, on connection: isolated PostgresConnection
  ) throws {
    do {
      try write([row], to: &outcome, on: connection)
    } catch let error as PostgresError where error.isServerFault {
      throw error
    } catch let error as PostgresError where error.isConflict {
      outcome.locked.insert(row.key)
    } catch let error as PostgresError {
      // What the role may not do is no row's fault.
      guard !error.isDenied else { throw error }
      outcome.refused[row.key] = try PostgresHooks(of: table, on: connection).reason(of: error)
    } catch is Suppressed {
      outcome.unfilled.insert(row.key)
    }
  }

  /// Writes all rows or none, except those that hold another text by now, or that others hold.
  private func write(
    _ rows: [Row], to outcome: inout WriteOutcome, on connection: isolated PostgresConnection
  ) throws {
    let (written, locked) = try connection.transaction { connection in
      let (free, held) = try lock(rows, on: connection)
      let written = free.map { rows[$0] }
      if !written.isEmpty { try replace(written, on: connection) }
      return (written.map(\.key), held.map { rows[$0].key })
    }
    outcome.written.formUnion(written)
    outcome.locked.formUnion(locked)
  }

  /// Locks the rows that still hold their text, so that nobody edits or deletes them before the transaction ends; nobody
  /// is waited for. Returns the indexes of those rows, and of those that another transaction holds.
  private func lock(
    _ rows: [Row], on connection: isolated PostgresConnection
  ) throws -> (free: [Int], held: [Int]) {
    let arrays = [PostgresValue.array(rows.map(\.digest.bytes.hex))] + table.key.arrays(rows.map(\.key))
    let results = try connection.segments(keepsTransaction: true) { pipeline in
      // As the role's default may be another: what others have committed must be seen.
      try pipeline.add("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
      try pipeline.add(table.settings(lockTimeout: lockTimeout))
      // The texts are compared by a statement of its own: it sees all that was committed before the rows were locked,
      // wherever a text comes from. A row that is freed in between counts as held, and is tried again later.
      try pipeline.add(table.lockedForPieces, arrays, format: .binary)
      try pipeline.add(table.holding, arrays, format: .binary)
    }[0].get()
    func numbers(_ result: PostgresResult) -> Set<Int> {
      Set(
        result.indices.compactMap { row in
          result.withBytes(row: row, column: 0) { Int(Int64(bigEndian: $0.loadUnaligned(as: Int64.self))) - 1 }
        })
    }
    let (locked, holding) = (numbers(results[2]), numbers(results[3]))
    return (holding.intersection(locked).sorted(), holding.subtracting(locked).sorted())
  }

  private func replace(_ rows: [Row], on connection: isolated PostgresConnection) throws {
    let results = try connection.segments(keepsTransaction: true) { pipeline in
      try pipeline.add(pieces.delete, table.key.arrays(rows.map(\.key)))
      try pipeline.prepare(pieces.insert)
      var parameters = PostgresParameters()
      for row in rows {
        for piece in row.pieces {
          fill(&parameters, with: piece)
          try pipeline.addPrepared(parameters)
        }
      }
    }[0].get()
    let inserted = results.dropFirst(2).reduce(0) { $0 + $1.affectedRows }
    guard inserted == rows.reduce(0, { $0 + $1.pieces.count }) else { throw Suppressed() }
  }

  private func fill(_ parameters: inout PostgresParameters, with embedded: EmbeddedRow) {
    let piece = embedded.piece ?? Piece(number: 0, of: 1, range: 0..<0)
    parameters.removeAll()
    parameters.append { table.encode(embedded.vector, to: &$0) }
    parameters.append(.bytes(embedded.digest.bytes))
    for number in [piece.number, piece.range.lowerBound, piece.range.upperBound] {
      parameters.append(.integer(Int64(number)))
    }
    for part in table.key.parameters(embedded.key) { parameters.append(part) }
  }
}
