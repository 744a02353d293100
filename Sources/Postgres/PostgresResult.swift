import CPostgres

/// A statement's rows, or its count of affected rows.
// Unchecked: libpq never changes a PGresult once it is made, and only this object frees it.
package final class PostgresResult: @unchecked Sendable {
  private let pointer: OpaquePointer

  /// Takes `pointer` over.
  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    PQclear(pointer)
  }

  /// The rows that an INSERT, UPDATE, DELETE, MERGE or SELECT touched, 0 for any other statement.
  package var affectedRows: Int { Int(String(cString: PQcmdTuples(pointer))) ?? 0 }

  package var columnCount: Int { Int(PQnfields(pointer)) }

  package func columnIndex(_ name: String) -> Int? {
    (0..<columnCount).first { PQfname(pointer, Int32($0)).map { String(cString: $0) } == name }
  }

  package func type(ofColumn column: Int) -> Oid { PQftype(pointer, Int32(column)) }

  /// The value as it came, text or binary; nil where it is NULL.
  package func withBytes<Result>(
    row: Int, column: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result? {
    guard PQgetisnull(pointer, Int32(row), Int32(column)) == 0 else { return nil }
    let length = Int(PQgetlength(pointer, Int32(row), Int32(column)))
    return try body(UnsafeRawBufferPointer(start: PQgetvalue(pointer, Int32(row), Int32(column)), count: length))
  }

  /// The value as text; nil where it is NULL.
  package func text(row: Int, column: Int) -> String? {
    withBytes(row: row, column: column) { String(decoding: $0, as: UTF8.self) }
  }
}

extension PostgresResult: RandomAccessCollection {
  package var startIndex: Int { 0 }
  package var endIndex: Int { Int(PQntuples(pointer)) }
  package subscript(index: Int) -> PostgresRow { PostgresRow(result: self, index: index) }
}

/// A row of a result that came as text.
package struct PostgresRow: Sendable {
  let result: PostgresResult
  let index: Int

  /// The column's value; nil where it is NULL.
  package subscript(column: Int) -> String? { result.text(row: index, column: column) }

  /// The named column's value; nil where it is NULL or there is no such column.
  package subscript(column: String) -> String? {
    result.columnIndex(column).flatMap { result.text(row: index, column: $0) }
  }

  /// Whether the named column's boolean is true.
  package func isTrue(_ column: String) -> Bool { self[column] == "t" }
}
