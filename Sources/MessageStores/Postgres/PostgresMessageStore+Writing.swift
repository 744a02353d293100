import Backfill
import Postgres

extension PostgresMessageStore {
  package func write(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    try await write(rows, to: source, isLoad: false)
  }

  package func load(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    try await write(rows, to: source, isLoad: true)
  }

  private func write(_ rows: [EmbeddedRow], to source: Source, isLoad: Bool) async throws -> WriteOutcome {
    guard !rows.isEmpty else { return WriteOutcome() }
    let table = try await table(of: source)
    for row in rows {
      try row.vector.check(dimensions: table.dimensions, of: "\(source.name) \(source.key) \(row.key)")
    }
    try await confirmLocks(for: source)
    while true {
      let hasCompany = await turns.begin()
      let outcome: WriteOutcome?
      do {
        outcome = try await write(rows, to: table, hasCompany: hasCompany, isLoad: isLoad)
      } catch {
        await turns.end()
        throw error
      }
      if outcome == nil { await turns.separate() }
      await turns.end()
      if let outcome { return outcome }
    }
  }

  /// nil where another write of this store may be in the way.
  private func write(
    _ rows: [EmbeddedRow], to table: PostgresTable, hasCompany: Bool, isLoad: Bool
  ) async throws -> WriteOutcome? {
    do {
      return try await tryToWrite(rows, to: table, hasCompany: hasCompany, isLoad: isLoad)
    } catch is PostgresWrite.InTheWay {
      return nil
    } catch is EndsSession {
      return try await writeApart(rows, to: table)
    }
  }

  /// - Parameter isApart: whether it is one row of a write that may have been done.
  private func tryToWrite(
    _ rows: [EmbeddedRow], to table: PostgresTable, hasCompany: Bool = false, isLoad: Bool = false,
    isApart: Bool = false
  ) async throws -> WriteOutcome {
    let lockTimeout = lockTimeout
    return try await writing(to: table, isOfOne: isApart) { connection, isRepeat in
      if let pieces = table.pieces {
        return try PostgresPiecesWrite(table: table, pieces: pieces, lockTimeout: lockTimeout)
          .run(rows, on: connection)
      }
      // A row that is tried for it could end the session, for which this one would be blamed.
      return try PostgresWrite(
        table: table, lockTimeout: lockTimeout, isRepeat: isRepeat || isApart, hasCompany: hasCompany,
        isLoad: isLoad, looksAtOthers: !isApart
      ).run(rows, on: connection)
    }
  }
}

/// Writes that end their session, as one that crashes the server.
extension PostgresMessageStore {
  /// A write has ended its session more than once, the last time a new one.
  private struct EndsSession: Error {
    let error: PostgresError

    var reason: String { "its write ends the session" + (error.sqlState.map { " (SQLSTATE \($0))" } ?? "") }
  }

  /// So often one write may end its session. A server that is restarted ends each once.
  private static let mostEnds = 2
  /// So often one row's write may where something else may have done it.
  private static let mostDoubtfulEnds = 5
  /// After so many rows in a row that end their session, others are tried: is it the server that is in trouble?
  private static let suspect = 3
  /// So many others at each end of the table, of those without a vector and of those with one.
  private static let mostOthers = 1

  /// Runs `body` on a connection for writes; throws `EndsSession` where it is `body` that ends it.
  private func writing<Value: Sendable>(
    to table: PostgresTable, isOfOne: Bool = false,
    _ body: @escaping @Sendable (_ connection: isolated PostgresConnection, _ isRepeat: Bool) throws -> Value
  ) async throws -> Value {
    let connection = others.borrow()
    defer { others.giveBack(connection) }
    let ends = Locked(0)
    return try await attempt(on: connection, for: table.source) { connection, isRepeat in
      do {
        return try body(connection, isRepeat)
      } catch let error as PostgresError where error.endsConnection && !error.isOfSilence {
        let count = ends.withLock { count in
          count += 1
          return count
        }
        let most = isOfOne && error.mayBeFromOutside ? Self.mostDoubtfulEnds : Self.mostEnds
        if count >= most { throw EndsSession(error: error) }
        throw error
      }
    }
  }

  /// Writes each row by itself, after all together have ended their session, so that those that do so stop no other.
  private func writeApart(_ rows: [EmbeddedRow], to table: PostgresTable) async throws -> WriteOutcome {
    var outcome = WriteOutcome()
    var inRow = 0
    let parts = Self.parts(rows)
    for own in parts {
      do {
        let one = try await tryToWrite(own, to: table, isApart: true)
        inRow = 0
        outcome.written.formUnion(one.written)
        outcome.refused.merge(one.refused) { first, _ in first }
        outcome.locked.formUnion(one.locked)
        outcome.unfilled.formUnion(one.unfilled)
        if !one.lockHolders.isEmpty { outcome.lockHolders = one.lockHolders }
        if !one.hooks.isEmpty { outcome.hooks = one.hooks }
      } catch let ended as EndsSession {
        inRow += 1
        if inRow == min(Self.suspect, parts.count) { try await tryOthers(than: rows, in: table) }
        outcome.refused[own[0].key] = ended.reason
      }
    }
    return outcome
  }

  /// The rows in their order, each with its pieces.
  private static func parts(_ rows: [EmbeddedRow]) -> [[EmbeddedRow]] {
    var parts: [[EmbeddedRow]] = []
    for row in rows {
      if parts.last?[0].key == row.key { parts[parts.count - 1].append(row) } else { parts.append([row]) }
    }
    return parts
  }

  /// Throws a `Failure` where the writes of rows beside `rows` end their sessions too.
  private func tryOthers(than rows: [EmbeddedRow], in table: PostgresTable) async throws {
    guard table.pieces == nil else { return }
    let write = PostgresWrite(table: table, lockTimeout: lockTimeout, isRepeat: false)
    let trial = PostgresTrial(table: table, vector: rows[0].vector, looksAtText: false)
    let known = Set(rows.map(\.key))
    let others = try await read(table.source) { connection in
      try [false, true].flatMap { areFilled in
        try write.others(than: known, areFilled: areFilled, fromEach: Self.mostOthers, on: connection)
      }
    }
    var ended: EndsSession?
    for key in others {
      do {
        _ = try await writing(to: table) { connection, _ in try trial.finding(for: key, on: connection) }
        return
      } catch let error as EndsSession {
        // That one may be as odd as these.
        ended = error
      }
    }
    guard let ended else { return }
    throw ended.error.failure(address, remedy: "look at the server's log, and run the same command again to go on")
  }
}

extension PostgresError {
  /// Whether something else than the statement may have ended the session: a network that cuts says nothing, as a crash does,
  /// and an administrator or a pooler has its own SQLSTATEs.
  fileprivate var mayBeFromOutside: Bool {
    guard let sqlState else { return true }
    return ["08", "57"].contains(sqlState.prefix(2))
  }
}
