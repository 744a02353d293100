import Backfill
import Foundation
import GRDB

/// Reads a column of a SQLite file, opened for reading alone.
struct SQLiteColumnAuditor: ColumnAuditor {
  let table: SQLiteTable
  let queue: DatabaseQueue
  let patience: SQLitePatience

  /// The rows of a window: while it is read, the application may be kept from writing.
  private static let mostRows = 500

  func window(after key: RowKey?) async throws -> AuditedWindow {
    try await reading { database in try read(after: key, in: database) }
  }

  private func read(after key: RowKey?, in database: Database) throws -> AuditedWindow {
    let range = try SQLiteRange(of: table.key, after: key, through: nil)
    let found = try Row.fetchCursor(
      database, sql: table.audited(in: range, rows: Self.mostRows), arguments: range.statementArguments)
    let first = table.key.columns.count
    var rows: [AuditedRow] = []
    var count = 0
    var last: RowKey?
    while true {
      let next: Row?
      do {
        next = try found.next()
      } catch let error as DatabaseError where error.isOfRow {
        // The row behind the last: a function refuses it, in its text or in the condition.
        let rest = try SQLiteRange(of: table.key, after: last ?? key, through: nil)
        guard
          let failed = try table.key.first(
            table.firstKey(in: rest), rest.statementArguments, of: table.source, in: database)
        else { return AuditedWindow(rows, continuesAfter: nil) }
        return AuditedWindow(rows + [AuditedRow(key: failed, content: .broken)], continuesAfter: failed)
      }
      guard let row = next else { break }
      let key = try table.key.key(from: row, of: table.source)
      count += 1
      last = key
      let meets: Bool = row[first]
      guard meets else { continue }
      let text = try row.withUnsafeData(atIndex: first + 1) { (bytes: Data?) -> String? in
        bytes.flatMap { String(validating: $0, as: UTF8.self) }
      }
      let form: String? = row[first + 2]
      let isStale: Bool? = row[first + 4]
      let content = try row.withUnsafeData(atIndex: first + 3) { (stored: Data?) -> AuditedRow.Content in
        self.content(stored ?? Data(), form ?? "", text, isStale)
      }
      rows.append(AuditedRow(key: key, content: content))
    }
    return AuditedWindow(rows, continuesAfter: count < Self.mostRows ? nil : last)
  }

  /// - Parameter form: the value's storage class.
  private func content(_ stored: Data, _ form: String, _ text: String?, _ isStale: Bool?) -> AuditedRow.Content {
    let text = text.flatMap { $0.isBlank ? nil : $0 }
    guard form != "null" else { return .missing(isBlank: text == nil) }
    guard (form == "blob") == (table.vectorFormat == .float32), let vector = table.vectorFormat.vector(stored) else {
      return .broken
    }
    let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
    return .vector(
      VectorFacts(
        dimensions: vector.count, length: squares.squareRoot(),
        vectorTag: vector.withUnsafeBytes { Array(TextDigest(ofUTF8: $0).bytes.prefix(16)) },
        textTag: text.map(Self.tag),
        textBytes: text?.utf8.count ?? 0, hasNewline: text?.utf8.contains(0x0A) == true, isStale: isStale))
  }

  private static func tag(of text: String) -> [UInt8] {
    let plain = text.lowercased().trimmingCharacters(in: .whitespacesAndNewlines).replacing("\n", with: " ")
    return Array(TextDigest(of: plain).bytes.prefix(16))
  }

  func sample(_ keys: [RowKey]) async throws -> [SampledRow] {
    try await reading { database in
      try keys.compactMap { key in
        let (isRow, arguments) = try table.key.comparison("=", key)
        let row = try Row.fetchOne(
          database, sql: table.filledRow(isRow),
          arguments: [FilledRow.mostTextBytes] + StatementArguments(arguments))
        guard let text = (row?[0] as Data?).flatMap({ String(validating: $0, as: UTF8.self) }), !text.isBlank,
          let vector = (row?[1] as Data?).flatMap(table.vectorFormat.vector)
        else { return nil }
        return SampledRow(key: key, text: text, vector: vector)
      }
    }
  }

  /// SQLite has no vector index that it could be asked for.
  func neighboursByIndex(of vector: [Float]) async throws -> [Double]? { nil }

  func neighboursExactly(of vectors: [[Float]], after key: RowKey?) async throws -> ([[Double]], after: RowKey?) {
    (vectors.map { _ in [] }, nil)
  }

  private func reading<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    do {
      return try await queue.read(body)
    } catch let error as DatabaseError {
      if Task.isCancelled { throw CancellationError() }
      throw error.failure(table.source.name, patience: patience)
    }
  }
}
