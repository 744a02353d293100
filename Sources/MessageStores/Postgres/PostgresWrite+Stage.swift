import Backfill
import PgVector
import Postgres

/// Many rows at once: by COPY into a table of the transaction's own, and from there by one UPDATE.
extension PostgresWrite {
  /// Writes the rows and puts into `outcome` which of them it wrote; returns false, with nothing written, where something
  /// stands in the way, which the usual write finds out row by row.
  ///
  /// An error that is the server's fault is thrown, with `mayHaveBeenDone` where it is open whether the rows are written.
  func writeStaged(
    _ rows: [EmbeddedRow], to outcome: inout WriteOutcome, on connection: isolated PostgresConnection
  ) throws -> Bool {
    // Texts that are read elsewhere are locked before they are compared.
    guard !table.locksFirst, !isRepeat else { return false }
    let stage = PostgresStage(table: table)
    do {
      try connection.stage(stage.script(under: table.settings(lockTimeout: lockTimeout))) { connection in
        try connection.copy(stage.copy, stage.bytes(of: rows))
        let segments = try connection.segments { pipeline in
          try pipeline.add(stage.update, format: .binary)
          try pipeline.add("COMMIT")
          try pipeline.sync()
          try addReadBack(of: rows, within: lockTimeout, to: &pipeline)
        }
        outcome.written.formUnion(numbered(rows, try segments[0].get()[0]))
        try readBack(segments[1], of: rows, to: &outcome, on: connection)
      }
      return true
    } catch let error as PostgresError where !error.isServerFault {
      return false
    }
  }
}

/// A table of one transaction's own that holds the vectors of a load, and its statements.
struct PostgresStage: Sendable {
  let table: PostgresTable

  private static let name = "pg_temp.vecfill_stage"
  /// Rows of a table are at most a page of 8 KB, unless a value is kept elsewhere.
  private static let mostPlainBytes = 7_600

  private var vectorType: String { "\(table.pgvectorSchema.quotedIdentifier).\(table.vectorType.rawValue)" }

  /// Begins the transaction and makes the table, which goes with it.
  func script(under settings: PostgresSettings) -> String {
    let keys = table.key.columns.indices.map { "vecfill_k\($0) pg_catalog.text" }.joined(separator: ", ")
    var statements = [
      "BEGIN", settings.sql,
      // Nobody has counted its rows: whatever is guessed of them, each row is looked up by its key.
      "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
      """
      CREATE TEMP TABLE vecfill_stage (vecfill_n pg_catalog.int8, vecfill_d pg_catalog.bytea, vecfill_v \(vectorType), \(keys))
      ON COMMIT DROP
      """,
    ]
    // Out of line each vector would be written to two tables and an index.
    if let dimensions = table.dimensions, table.vectorType.bytes(dimensions: dimensions) <= Self.mostPlainBytes {
      statements.append("ALTER TABLE \(Self.name) ALTER COLUMN vecfill_v SET STORAGE PLAIN")
    }
    return statements.joined(separator: ";\n")
  }

  var copy: String { "COPY \(Self.name) FROM STDIN (FORMAT binary)" }

  /// Writes the vectors of the rows that still hold the text and lack a vector; gives the number of each row, from 1.
  var update: String {
    let digest = table.edits == nil ? "" : ", \(table.source.digestColumn.quotedIdentifier) = vecfill_d"
    return """
      UPDATE \(table.name) SET \(table.vector) = vecfill_v\(digest) FROM \(Self.name)
      WHERE \(table.key.equality { "vecfill_k\($0)" }) AND \(table.lacks(digest: "vecfill_d"))
        AND \(table.condition) AND \(table.digest) = vecfill_d
      RETURNING vecfill_n
      """
  }

  /// The rows in COPY's binary form: the number from 1, the digest, the vector, and the key's columns as text.
  func bytes(of rows: [EmbeddedRow]) -> [UInt8] {
    let keys = table.key.texts(rows.map(\.key))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rows.count * (4 * (rows.first?.vector.count ?? 0) + 160) + 32)
    bytes += [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00]
    bytes.appendBigEndian(Int64(0))
    for (index, row) in rows.enumerated() {
      bytes.appendBigEndian(Int16(3 + table.key.columns.count))
      bytes.appendBigEndian(Int32(8))
      bytes.appendBigEndian(Int64(index + 1))
      bytes.appendBigEndian(Int32(TextDigest.byteCount))
      bytes += row.digest.bytes
      bytes.appendBigEndian(Int32(table.vectorType.bytes(dimensions: row.vector.count) - 4))
      table.encode(row.vector, to: &bytes)
      for text in keys[index] {
        bytes.appendBigEndian(Int32(text.utf8.count))
        bytes += text.utf8
      }
    }
    bytes.appendBigEndian(Int16(-1))
    return bytes
  }
}
