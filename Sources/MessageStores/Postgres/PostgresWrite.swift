import Backfill
import Postgres

/// One write: all rows in one transaction and one round trip, each by compare-and-set.
struct PostgresWrite: Sendable {
  let table: PostgresTable
  let rows: [EmbeddedRow]
  let lockTimeout: Duration

  /// The statements before the first row's: BEGIN, the limits, and the preparation.
  private static let leading = 3

  /// The keys of the rows that were written.
  func run(on connection: isolated PostgresConnection, isRepeat: Bool) throws -> Set<RowKey> {
    do {
      let counts = try connection.pipeline { pipeline in
        try pipeline.add("BEGIN")
        try pipeline.add(
          "SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', '60s', true)",
          [.text("\(Int(lockTimeout / .milliseconds(1)))ms")])
        try pipeline.prepare(table.update(isRepeat: isRepeat))
        var parameters = PostgresParameters()
        for row in rows {
          parameters.removeAll()
          try parameters.append { try table.encode(row.vector, to: &$0) }
          parameters.append(PostgresValue(row.key))
          parameters.append(.bytes(row.digest.bytes))
          try pipeline.addPrepared(parameters)
        }
        try pipeline.add("COMMIT")
      }
      return Set(zip(rows, counts.dropFirst(Self.leading)).lazy.filter { $1 == 1 }.map { $0.0.key })
    } catch let error as PostgresError {
      // A row of its own fault is named; the state of the connection or of other transactions is none.
      guard !error.isTransient, let statement = error.statement, rows.indices.contains(statement - Self.leading) else {
        throw error
      }
      throw error.failure("\(table.source.name) \(table.source.key) \(rows[statement - Self.leading].key)")
    }
  }
}
