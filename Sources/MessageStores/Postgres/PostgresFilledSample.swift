import Backfill
import Foundation
import PgVector
import Postgres

/// The reading of a few rows that have a vector.
struct PostgresFilledSample: Sendable {
  let table: PostgresTable
  let limit: Int

  /// Reads them in whatever order the table has them. A table of many rows and no vector is not read to its end.
  ///
  /// An SQL expression may fail for a row: then they come without their texts.
  func read(withTexts: Bool = true, on connection: isolated PostgresConnection) throws -> FilledSample {
    let isShort =
      "(\(table.source.text.postgresStoredLength ?? "pg_catalog.octet_length(\(table.text))")) <= \(FilledRow.mostTextBytes)"
    let text = withTexts ? table.ofRow("CASE WHEN \(isShort) THEN \(table.text) END") : "NULL::pg_catalog.text"
    let statement =
      table.pieces?.filled(in: table, withTexts: withTexts) ?? """
        SELECT \(text), \(table.vector) FROM \(table.row)
        WHERE \(table.vector) IS NOT NULL LIMIT $1
        """
    do {
      let rows = try connection.query(
        statement, [.integer(Int64(limit))], format: .binary, under: table.settings(.seconds(10)))
      return FilledSample(
        rows.indices.compactMap { row in
          let vector = rows.withBytes(row: row, column: 1) { table.vectorType.decode($0) }
          guard let vector else { return nil }
          let text = rows.withBytes(row: row, column: 0) { String(validating: $0, as: UTF8.self) } ?? nil
          return FilledRow(text: text, vector: vector)
        })
    } catch let error as PostgresError where error.sqlState == "57014" {
      return FilledSample([], isTimedOut: true)
    } catch let error as PostgresError where error.isOfRows && withTexts {
      return try read(withTexts: false, on: connection)
    }
  }

  /// The dimension of a vector that the column of `source` holds; nil where there is none, or none was found in time.
  static func dimensions(of source: Source, on connection: isolated PostgresConnection) throws -> Int? {
    let vector = source.vector.quotedIdentifier
    // A vector's text form needs none of pgvector's functions, which may be off the search path.
    let statement = """
      SELECT cardinality(string_to_array(\(vector)::text, ',')) FROM \(source.quotedName)
      WHERE \(vector) IS NOT NULL LIMIT 1
      """
    do {
      return try connection.query(statement, under: PostgresSettings(statementTimeout: .seconds(10))).first?[0]
        .flatMap { Int($0) }
    } catch let error as PostgresError where error.sqlState == "57014" {
      return nil
    }
  }
}

extension VectorType {
  /// The values of a vector in its binary form: int16 dimension, int16 0, then the big-endian values.
  func decode(_ bytes: UnsafeRawBufferPointer) -> [Float] {
    let width = self == .vector ? 4 : 2
    return (0..<max(0, bytes.count - 4) / width).map { index in
      let offset = 4 + index * width
      switch self {
      case .vector:
        return Float(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      case .halfvec:
        return Float(
          Float16(bitPattern: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))))
      }
    }
  }
}
