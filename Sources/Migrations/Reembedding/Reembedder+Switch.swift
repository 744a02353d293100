import Backfill
import Foundation
import PgVector
import Postgres

extension Reembedder {
  /// A source whose column is changed, and how far that is.
  package typealias Part = (source: Source, reembedding: Reembedding)

  /// Changes the names of all columns in one transaction, so that nobody sees some of them changed.
  package func change(_ parts: [Part], to step: Reembedding.Step) async throws {
    let switches = parts.map { part in
      var after = part.reembedding
      after.step = step
      if !after.isSwitched { after.switchedAt = nil }
      return ReembeddingSwitch(before: part.reembedding, after: after, source: part.source)
    }
    let subject = parts.map(\.reembedding.place).joined(separator: ", ")
    try await reporting(subject) {
      try await exclusively {
        // The fill's own lock is the server's until it has noticed that its connection is closed.
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
          do {
            let timeout = patience.timeout
            return try await change(subject, of: parts.map(\.source.tableName)) { connection in
              // What waits behind the first table waits for the last one, too.
              let started = ContinuousClock.now
              for change in switches {
                try connection.limitLocks(to: timeout - started.duration(to: .now))
                try change.run(on: connection)
              }
            }
          } catch let failure as Failure where failure.exitCode == .locked && ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(200))
          }
        }
      }
    }
  }

  /// Before the switch: drops the new columns with their indexes, the triggers and the records.
  package func abandon(_ parts: [Part]) async throws { try await end(parts) }

  /// After it: drops the former columns with their indexes, the triggers and the records.
  package func finish(_ parts: [Part]) async throws { try await end(parts) }

  private func end(_ parts: [Part]) async throws {
    let subject = parts.map(\.reembedding.place).joined(separator: ", ")
    try await reporting(subject) {
      try await exclusively {
        let timeout = patience.timeout
        try await change(subject, of: parts.map(\.source.tableName)) { connection in
          let started = ContinuousClock.now
          for (source, reembedding) in parts {
            try connection.limitLocks(to: timeout - started.duration(to: .now))
            try Self.end(reembedding, source, on: connection)
          }
        }
      }
    }
  }

  private static func end(
    _ reembedding: Reembedding, _ source: Source, on connection: isolated PostgresConnection
  ) throws {
    let table = try ReembeddedTable(source, on: connection)
    try connection.execute("LOCK TABLE \(table.name.quoted) IN ACCESS EXCLUSIVE MODE")
    try triggers(reembedding, table, on: connection).removal(on: connection)
    try ReembeddingDigests(table: table).drop(of: reembedding.columnBeside, on: connection)
    if let column = table.columns[reembedding.columnBeside] {
      try connection.execute(
        "ALTER TABLE \(table.name.quoted) DROP COLUMN \(reembedding.columnBeside.quotedIdentifier)")
      if let records = try OwnTable.all(.columnRecords, in: table.schema, on: connection).first, records.isReadable,
        try records.isTrusted(forTable: table.id, on: connection)
      {
        try connection.query(
          "DELETE FROM ONLY \(records.name) WHERE table_id = $1::oid AND column_number = $2::smallint",
          [.text(table.id), .text(String(column.number))])
      }
    }
    try table.records.end(reembedding, on: connection)
  }
}
