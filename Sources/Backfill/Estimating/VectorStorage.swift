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

  /// Bytes a row; for JSON about as many, by the usual length of a float's text.
  package func bytesPerRow(dimensions: Int) -> Int {
    switch self {
    case .vector: 4 * dimensions + 8
    case .halfvec: 2 * dimensions + 8
    case .blob: 4 * dimensions
    case .json: 12 * dimensions
    }
  }

  /// The disk that an HNSW index of `rows` vectors takes, with pgvector's default of `m` 16; nil where there is none for
  /// such vectors.
  ///
  /// By pgvector's hnsw.h: on pages of 8 KiB each vector is a tuple of 72 bytes and the vector, beside one with its links of
  /// 6 bytes each, and neither is cut over pages.
  package func indexBytes(rows: Int, dimensions: Int, m: Int = 16) -> Int? {
    guard self == .vector && dimensions <= 2000 || self == .halfvec && dimensions <= 4000 else { return nil }
    func tuple(_ bytes: Int) -> Int { (bytes + 7) / 8 * 8 + 4 }
    let room = 8192 - 24 - 8
    let element = tuple(72 + bytesPerRow(dimensions: dimensions))
    let links = tuple(4 + 2 * m * 6)
    let together = room / (element + links)
    guard together == 0 else { return 8192 * (1 + (rows + together - 1) / together) }
    return 8192 * (1 + rows + (rows + room / links - 1) / (room / links))
  }
}
