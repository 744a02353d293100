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
    let lockTimeout = lockTimeout
    let connection = others.borrow()
    defer { others.giveBack(connection) }
    do {
      return try await attempt(on: connection, for: table.source) { connection, isRepeat in
        if let pieces = table.pieces {
          return try PostgresPiecesWrite(table: table, pieces: pieces, lockTimeout: lockTimeout)
            .run(rows, on: connection)
        }
        return try PostgresWrite(
          table: table, lockTimeout: lockTimeout, isRepeat: isRepeat, hasCompany: hasCompany, isLoad: isLoad
        ).run(rows, on: connection)
      }
    } catch is PostgresWrite.InTheWay {
      return nil
    }
  }
}
