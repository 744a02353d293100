import Backfill
import Foundation
import PgVector
import Postgres

/// Reads a column of PostgreSQL: what can be told of a vector is computed there, so that no vector is sent.
struct PostgresColumnAuditor: ColumnAuditor {
  let table: PostgresTable
  let connection: PostgresConnection

  /// The rows of a window: a statement that reads their vectors and digests them takes well under a second.
  private static let mostRows = 5_000

  func window(after key: RowKey?) async throws -> AuditedWindow {
    try await reading { try window(after: key, rows: Self.mostRows, on: $0) }
  }

  /// A window with a row that can't be read is read in smaller ones, down to that row alone.
  private func window(
    after key: RowKey?, rows: Int, on connection: isolated PostgresConnection
  ) throws -> AuditedWindow {
    do {
      return try read(after: key, rows: rows, on: connection)
    } catch let error as PostgresError where error.isOfRows {
      if rows > 1 { return try window(after: key, rows: max(1, rows / 8), on: connection) }
      let found = try connection.query(
        """
        SELECT \(table.key.aliasedOutputs) FROM (SELECT \(table.key.aliased) FROM \(table.read)
          WHERE \(isBehind(key)) ORDER BY \(table.key.order(of: table.readIdentifier)) LIMIT 1) AS vecfill_row
        """, key.map(table.key.parameters) ?? [], format: .binary, under: settings())
      guard !found.isEmpty else { return AuditedWindow([], continuesAfter: nil) }
      let broken = try table.key(of: found, row: 0, from: 0)
      return AuditedWindow([AuditedRow(key: broken, content: .broken)], continuesAfter: broken)
    }
  }

  private func read(
    after key: RowKey?, rows: Int, on connection: isolated PostgresConnection
  ) throws -> AuditedWindow {
    let found = try connection.query(
      statement(after: key, rows: rows), key.map(table.key.parameters) ?? [], format: .binary, under: settings())
    var audited: [AuditedRow] = []
    var last: RowKey?
    for row in found.indices {
      let key = try table.key(of: found, row: row, from: 7)
      last = key
      switch found.integer(row: row, column: 0) {
      case 0: continue
      case 1: audited.append(AuditedRow(key: key, content: .missing(isBlank: false)))
      case 2: audited.append(AuditedRow(key: key, content: .missing(isBlank: true)))
      default: audited.append(AuditedRow(key: key, content: .vector(facts(of: found, row: row))))
      }
    }
    return AuditedWindow(audited, continuesAfter: found.count < rows ? nil : last)
  }

  private func facts(of found: PostgresResult, row: Int) -> VectorFacts {
    // The text's bytes, negative where it has a line break.
    let bytes = found.integer(row: row, column: 5) ?? 0
    return VectorFacts(
      dimensions: found.integer(row: row, column: 1) ?? 0, length: found.double(row: row, column: 2) ?? .nan,
      vectorTag: found.withBytes(row: row, column: 3) { Array($0) } ?? [],
      textTag: found.withBytes(row: row, column: 4) { Array($0) }, textBytes: abs(bytes), hasNewline: bytes < 0,
      isStale: found.integer(row: row, column: 6).map { $0 == 1 })
  }

  private func statement(after key: RowKey?, rows: Int) -> String {
    let (norm, send) = table.vectorType == .vector ? ("vector_norm", "vector_send") : ("l2_norm", "halfvec_send")
    // Whatever the column's collation does with parts of a text.
    let text = #"vecfill_text COLLATE pg_catalog."C""#
    let plain =
      #"pg_catalog.lower(pg_catalog.btrim(pg_catalog.replace(\#(text), E'\n', ' '), E' \t\r') COLLATE pg_catalog."default")"#
    let digest = "pg_catalog.sha256(pg_catalog.convert_to(vecfill_text, 'UTF8'))"
    let isFilled = "vecfill_meets AND vecfill_vector IS NOT NULL"
    return """
      SELECT (CASE WHEN NOT vecfill_meets THEN 0 WHEN vecfill_vector IS NOT NULL THEN 3
          WHEN vecfill_long OR \(MissingRowsIndex.isText("vecfill_text")) THEN 1 ELSE 2 END)::pg_catalog.int8,
        CASE WHEN \(isFilled) THEN \(table.function("vector_dims"))(vecfill_vector) END::pg_catalog.int8,
        CASE WHEN \(isFilled) THEN \(table.function(norm))(vecfill_vector) END::pg_catalog.float8,
        CASE WHEN \(isFilled) THEN \(Self.tag("\(table.function(send))(vecfill_vector)")) END,
        CASE WHEN \(isFilled) THEN \(Self.tag("pg_catalog.convert_to(\(plain), 'UTF8')")) END,
        (CASE WHEN \(isFilled) THEN pg_catalog.octet_length(vecfill_text)
          * CASE WHEN pg_catalog.strpos(\(text), E'\\n') > 0 THEN -1 ELSE 1 END END)::pg_catalog.int8,
        (CASE WHEN \(isFilled) AND NOT vecfill_long THEN CASE vecfill_kept <> coalesce(\(digest), pg_catalog.decode('00', 'hex')) WHEN true THEN 1 WHEN false THEN 0 END END)::pg_catalog.int8,
        \(table.key.aliasedOutputs)
      FROM (
        SELECT \(table.key.aliased), CASE WHEN \(table.isTooLong) THEN NULL ELSE \(table.text) END AS vecfill_text,
          coalesce(\(table.isTooLong), false) AS vecfill_long, \(table.vector) AS vecfill_vector,
          \(table.edits?.digest ?? "NULL::pg_catalog.bytea") AS vecfill_kept,
          CASE WHEN \(table.condition) THEN true ELSE false END AS vecfill_meets
        FROM \(rowsBehind(key, rows: rows))
      ) AS vecfill_rows
      """
  }

  /// The window's rows, under the table's name.
  ///
  /// PostgreSQL may sort them together with what is asked of them, which it then computes for the whole table. After a
  /// failure the rows are chosen first: what fails for one of them would fail in each window.
  private func rowsBehind(_ key: RowKey?, rows: Int) -> String {
    let chosen = """
      \(table.read) WHERE \(isBehind(key)) ORDER BY \(table.key.order(of: table.readIdentifier)) LIMIT \(rows)
      """
    return rows == Self.mostRows
      ? chosen
      : "(SELECT * FROM \(chosen)) AS \(table.readIdentifier) ORDER BY \(table.key.order(of: table.readIdentifier))"
  }

  private static func tag(_ bytes: String) -> String { "pg_catalog.substr(pg_catalog.sha256(\(bytes)), 1, 16)" }

  private func isBehind(_ key: RowKey?) -> String {
    key == nil ? "true" : table.key.comparison(">", parametersFrom: 1)
  }

  private func settings() -> PostgresSettings {
    var settings = table.settings()
    settings.isReadOnly = true
    return settings
  }
}

/// The rows of a sample, and the neighbours of their vectors.
extension PostgresColumnAuditor {
  func sample(_ keys: [RowKey]) async throws -> [SampledRow] {
    let isShort = "pg_catalog.octet_length(\(table.text)) <= \(FilledRow.mostTextBytes)"
    let statement = """
      SELECT CASE WHEN \(isShort) THEN \(table.text) END, \(table.vector), \(table.key.outputs) FROM \(table.read)
      WHERE \(table.key.equality { "$\($0 + 1)" }) AND \(table.vector) IS NOT NULL
      """
    return try await reading { connection in
      try keys.flatMap { key -> [SampledRow] in
        let rows = try connection.query(
          statement, table.key.parameters(key), format: .binary, under: settings())
        return rows.indices.compactMap { row in
          let text = rows.withBytes(row: row, column: 0) { String(validating: $0, as: UTF8.self) } ?? nil
          let vector = rows.withBytes(row: row, column: 1) { table.vectorType.decode($0) }
          guard let text, !text.isBlank, let vector else { return nil }
          return SampledRow(key: key, text: text, vector: vector)
        }
      }
    }
  }

  /// The vectors that are compared with each other in one statement times the rows: about a second's work.
  private static let mostComparedRows = 2_000

  func neighboursByIndex(of vector: [Float]) async throws -> [Double]? {
    let distance = "\(table.vector) \(table.pgvector("<=>")) \(literal(vector))"
    let search = """
      SELECT (\(distance))::pg_catalog.float8 FROM \(table.name) WHERE \(table.vector) IS NOT NULL
      ORDER BY \(distance) LIMIT \(Recall.neighbours)
      """
    return try await reading { connection in
      let results = try connection.segments { pipeline in
        try pipeline.add(settings())
        // A small table would be read as a whole: what is asked is what the index gives.
        try pipeline.add("SELECT pg_catalog.set_config('enable_seqscan', 'off', true)")
        try pipeline.add("EXPLAIN (COSTS OFF) \(search)")
        try pipeline.add(search)
      }[0].get()
      guard results[2].contains(where: { $0[0]?.contains("Index Scan using") == true }) else { return nil }
      return results[3].compactMap { $0[0].flatMap(Double.init) }
    }
  }

  func neighboursExactly(of vectors: [[Float]], after key: RowKey?) async throws -> ([[Double]], after: RowKey?) {
    let first = key == nil ? 1 : 1 + table.key.columns.count
    let rows = "FROM \(table.name) WHERE \(isBehind(key)) ORDER BY \(table.key.order(of: table.identifier))"
    let type = "\(table.pgvectorSchema.quotedIdentifier).\(table.vectorType.rawValue)"
    // Behind OFFSET 0 a vector is read from its text once and not once a row.
    let statement = """
      WITH vecfill_window AS MATERIALIZED (
        SELECT \(table.vector) AS vecfill_vector \(rows) LIMIT \(Self.mostComparedRows)
      )
      SELECT vecfill_n, vecfill_distance FROM (
        SELECT vecfill_text::\(type) AS vecfill_sought, vecfill_n
        FROM unnest($\(first)::pg_catalog.text[]) WITH ORDINALITY AS vecfill_texts(vecfill_text, vecfill_n) OFFSET 0
      ) AS vecfill_queries CROSS JOIN LATERAL (
        SELECT (vecfill_vector \(table.pgvector("<=>")) vecfill_sought)::pg_catalog.float8 AS vecfill_distance
        FROM vecfill_window WHERE vecfill_vector IS NOT NULL ORDER BY 1 LIMIT \(Recall.neighbours)
      ) AS vecfill_found
      """
    let end = """
      SELECT \(table.key.aliasedOutputs) FROM (SELECT \(table.key.aliased) \(rows)
        OFFSET \(Self.mostComparedRows - 1) LIMIT 1) AS vecfill_end
      """
    let parameters = key.map(table.key.parameters) ?? []
    return try await reading { connection in
      let results = try connection.segments { pipeline in
        try pipeline.add(settings())
        try pipeline.add(statement, parameters + [.array(vectors.map(Self.text))], format: .binary)
        try pipeline.add(end, parameters, format: .binary)
      }[0].get()
      var distances = vectors.map { _ in [Double]() }
      for row in results[1].indices {
        guard let number = results[1].integer(row: row, column: 0), distances.indices.contains(number - 1),
          let distance = results[1].double(row: row, column: 1)
        else { continue }
        distances[number - 1].append(distance)
      }
      return (distances, results[2].isEmpty ? nil : try table.key(of: results[2], row: 0, from: 0))
    }
  }

  private static func text(_ vector: [Float]) -> String { "[\(vector.map(\.description).joined(separator: ","))]" }

  private func literal(_ vector: [Float]) -> String {
    "'\(Self.text(vector))'::\(table.pgvectorSchema.quotedIdentifier).\(table.vectorType.rawValue)"
  }

  private func reading<Value: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    do {
      return try await connection.run(body)
    } catch let error as PostgresError {
      throw error.failure(table.source.name)
    }
  }
}

extension PostgresTable {
  /// A function of pgvector's, with its schema.
  fileprivate func function(_ name: String) -> String { "\(pgvectorSchema.quotedIdentifier).\(name)" }
}

extension PostgresResult {
  /// A bigint that came in binary form.
  fileprivate func integer(row: Int, column: Int) -> Int? {
    withBytes(row: row, column: column) { Int(Int64(bigEndian: $0.loadUnaligned(as: Int64.self))) }
  }

  /// A double that came in binary form.
  fileprivate func double(row: Int, column: Int) -> Double? {
    withBytes(row: row, column: column) {
      Double(bitPattern: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)))
    }
  }
}
