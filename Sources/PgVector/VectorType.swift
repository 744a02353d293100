/// A type of pgvector that a float vector can be stored in.
package enum VectorType: String, CaseIterable, Sendable {
  /// Of float32.
  case vector
  /// Of float16.
  case halfvec

  /// Bytes a value takes.
  package func bytes(dimensions: Int) -> Int {
    switch self {
    case .vector: 4 * dimensions + 8
    case .halfvec: 2 * dimensions + 8
    }
  }

  /// The most dimensions that an HNSW index takes.
  var mostIndexedDimensions: Int {
    switch self {
    case .vector: 2_000
    case .halfvec: 4_000
    }
  }

  /// The type that an HNSW index holds such a column's vectors in: the column's own, or halfvec for what is too long as a
  /// vector; nil where no HNSW index holds it.
  package func indexed(dimensions: Int) -> VectorType? {
    [self, .halfvec].first { dimensions <= $0.mostIndexedDimensions }
  }

  /// The operator class of cosine distance, without its schema.
  var cosineClass: String { "\(rawValue)_cosine_ops" }
}
