import Postgres

/// The vector index that vecfill makes: HNSW for cosine distance, over a halfvec cast where the vectors are too long.
package struct HNSWIndex: Equatable, Sendable {
  /// The links of an element, by pgvector's default.
  package static let m = 16
  /// By pgvector's default.
  package static let efConstruction = 64

  /// Everything behind the table's name in CREATE INDEX, with each name of pgvector's qualified.
  package let body: String

  /// The index on `column`, which holds vectors of `dimensions` as `type`; nil where no HNSW index holds them.
  ///
  /// A column that declares no dimensions of its own is indexed over a cast, since pgvector has to know them. Without
  /// `pgvector`, its names are found on the search path.
  package init?(
    column: String, type: VectorType, dimensions: Int, isDeclared: Bool = true, in pgvector: PgVector?
  ) {
    guard let indexed = type.indexed(dimensions: dimensions) else { return nil }
    func name(_ name: String) -> String { pgvector?.qualified(name) ?? name }
    let column = column.quotedIdentifier
    let key = indexed == type && isDeclared ? column : "(\(column)::\(name(indexed.rawValue))(\(dimensions)))"
    body =
      "USING hnsw (\(key) \(name(indexed.cosineClass))) "
      + "WITH (m = \(Self.m), ef_construction = \(Self.efConstruction))"
  }

  /// The memory that the graph of a build takes.
  package static func graphBytes(rows: Int, vectorBytes: Int, m: Int = m) -> Int {
    // pgvector keeps in an element its links: twice m at the lowest level and some above, 16 bytes each.
    rows * (vectorBytes + 128 + 40 * m)
  }

  /// The disk that an index of `rows` vectors of `vectorBytes` takes.
  ///
  /// By pgvector's hnsw.h: on pages of 8 KiB each vector is a tuple of 72 bytes and the vector, beside one with its links of
  /// 6 bytes each, and neither is cut over pages.
  package static func diskBytes(rows: Int, vectorBytes: Int, m: Int = m) -> Int {
    func tuple(_ bytes: Int) -> Int { (bytes + 7) / 8 * 8 + 4 }
    let room = 8192 - 24 - 8
    let element = tuple(72 + vectorBytes)
    let links = tuple(4 + 2 * m * 6)
    let together = room / (element + links)
    guard together == 0 else { return 8192 * (1 + (rows + together - 1) / together) }
    return 8192 * (1 + rows + (rows + room / links - 1) / (room / links))
  }
}
