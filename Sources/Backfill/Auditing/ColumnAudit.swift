/// What a column holds, added up row by row in memory that does not grow with them (P8).
package struct ColumnAudit: Equatable, Sendable {
  /// The dimensions that each vector should have.
  package let dimensions: Int
  package private(set) var rows = 0
  /// Rows with a text and no vector.
  package private(set) var missing = RowExamples()
  /// Rows with neither.
  package private(set) var blank = 0
  package private(set) var vectors = 0
  /// Values that are no vector, or can't be read.
  package private(set) var broken = RowExamples()
  package private(set) var misfits = RowExamples()
  /// How many vectors have other dimensions, by those; of the first eight kinds.
  package private(set) var otherDimensions: [Int: Int] = [:]
  package private(set) var notFinite = RowExamples()
  package private(set) var zero = RowExamples()
  /// Vectors whose kept digest is of another text.
  package private(set) var stale = RowExamples()
  /// Whether a digest is kept beside any vector.
  package private(set) var keepsDigests = false
  /// The lengths of the vectors that are finite and not zero.
  package private(set) var lengths = VectorLengths()

  package init(dimensions: Int) {
    self.dimensions = dimensions
  }

  package mutating func add(_ row: AuditedRow) {
    rows += 1
    switch row.content {
    case .missing(isBlank: true): blank += 1
    case .missing: missing.add(row.key)
    case .broken:
      vectors += 1
      broken.add(row.key)
    case .vector(let facts):
      vectors += 1
      add(facts, of: row.key)
    }
  }

  private mutating func add(_ facts: VectorFacts, of key: RowKey) {
    if facts.dimensions != dimensions {
      misfits.add(key)
      if otherDimensions[facts.dimensions] != nil || otherDimensions.count < 8 {
        otherDimensions[facts.dimensions, default: 0] += 1
      }
    }
    if let isStale = facts.isStale {
      keepsDigests = true
      if isStale { stale.add(key) }
    }
    if !facts.length.isFinite {
      notFinite.add(key)
    } else if facts.length == 0 {
      zero.add(key)
    } else {
      lengths.add(facts.length, of: key)
    }
  }
}

/// The lengths of vectors: their mean and their extremes.
package struct VectorLengths: Equatable, Sendable {
  package private(set) var count = 0
  /// How far a length may be from 1 and still count as normalised: half precision rounds.
  package static let tolerance = 0.01
  package private(set) var least = Double.infinity
  package private(set) var greatest = 0.0
  /// Vectors whose length is not 1.
  package private(set) var notNormalised = RowExamples()
  private var sum = 0.0

  package init() {}

  package var mean: Double { count > 0 ? sum / Double(count) : 0 }

  package mutating func add(_ length: Double, of key: RowKey) {
    count += 1
    sum += length
    least = min(least, length)
    greatest = max(greatest, length)
    if abs(length - 1) > Self.tolerance { notNormalised.add(key) }
  }
}
