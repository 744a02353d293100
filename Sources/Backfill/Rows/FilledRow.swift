/// A row that has a vector.
package struct FilledRow: Equatable, Sendable {
  /// nil where it is NULL, too long to be read for a comparison, or no text.
  package let text: String?
  package let vector: [Float]

  package init(text: String?, vector: [Float]) {
    self.text = text
    self.vector = vector
  }

  /// The most bytes of a text that is read. A token is at least one byte, so that few models take it for too long.
  package static let mostTextBytes = 4_000
}

/// A few of a column's vectors.
package struct FilledSample: Equatable, Sendable {
  package let rows: [FilledRow]
  /// Whether the time ran out before any was found.
  package let isTimedOut: Bool

  package init(_ rows: [FilledRow], isTimedOut: Bool = false) {
    self.rows = rows
    self.isTimedOut = isTimedOut
  }
}

extension Collection<Float> {
  /// The cosine of the angle between both, from -1 to 1; 0 where one has no direction.
  package func cosine(to other: some Collection<Float>) -> Double {
    var (product, own, others) = (0.0, 0.0, 0.0)
    for (a, b) in zip(self, other) {
      product += Double(a) * Double(b)
      own += Double(a) * Double(a)
      others += Double(b) * Double(b)
    }
    return own > 0 && others > 0 ? product / (own * others).squareRoot() : 0
  }
}
