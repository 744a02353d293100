/// The space that vectors take on PostgreSQL with pgvector, or in SQLite.
package enum VectorStorage: Sendable, Equatable {
  /// pgvector's `vector`, of float32.
  case vector
  /// pgvector's `halfvec`, of float16.
  case halfvec
  /// SQLite's BLOB of float32.
  case blob
  /// A JSON array as text, as it is held in SQLite.
  case json

  /// pgvector's type; nil on SQLite.
  private var type: VectorType? {
    switch self {
    case .vector: .vector
    case .halfvec: .halfvec
    case .blob, .json: nil
    }
  }

  /// Bytes a row; for JSON about as many, by the usual length of a float's text.
  package func bytesPerRow(dimensions: Int) -> Int {
    type?.bytes(dimensions: dimensions) ?? (self == .blob ? 4 : 12) * dimensions
  }

  /// The disk that the HNSW index of `rows` vectors takes which vecfill would build; nil where it builds none.
  package func indexBytes(rows: Int, dimensions: Int) -> Int? {
    indexedBytes(dimensions: dimensions).map { HNSWIndex.diskBytes(rows: rows, vectorBytes: $0) }
  }

  /// The memory that its build takes; nil where there is none.
  package func indexMemoryBytes(rows: Int, dimensions: Int) -> Int? {
    indexedBytes(dimensions: dimensions).map { HNSWIndex.graphBytes(rows: rows, vectorBytes: $0) }
  }

  /// Bytes a vector takes in the index, which holds it as halfvec where it is too long for a vector.
  private func indexedBytes(dimensions: Int) -> Int? {
    type?.indexed(dimensions: dimensions)?.bytes(dimensions: dimensions)
  }
}
