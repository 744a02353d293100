/// Whether a vector that came from elsewhere may be written.
package enum VectorVerdict: Equatable, Sendable {
  /// - Parameter isUnit: whether its length is 1.
  case taken([Float], isUnit: Bool)
  case refused(String)

  /// - Parameters:
  ///   - vectors: one, or those of the parts of a long text.
  ///   - weights: what each weighs in the mean; none for a text that was sent whole.
  ///   - cut: whether longer vectors are shortened here.
  package init(_ vectors: [[Float]], weights: [Int], dimensions: Int, cut: VectorCut) {
    guard vectors.count == max(1, weights.count) else {
      self = .refused("it has \(vectors.count) vectors, and \(max(1, weights.count)) were asked for")
      return
    }
    var block = Vectors(dimensions: dimensions)
    for vector in vectors {
      guard vector.count == dimensions || cut == .local && vector.count > dimensions else {
        self = .refused("its vector has \(vector.count) dimensions, and the job's have \(dimensions)")
        return
      }
      guard let length = VectorVerdict.length(vector) else {
        self = .refused("a value of its vector is not finite")
        return
      }
      guard length > 0 else {
        self = .refused("its vector is all zeros, which no search finds")
        return
      }
      guard vector.withUnsafeBufferPointer(\.hasUsualLength) else {
        self = .refused("its vector's length is too great or too small for float32 distances")
        return
      }
      block.append(
        vector.count == dimensions
          ? vector
          : Vectors.beginning(of: vector, count: dimensions) ?? Array(repeating: 0, count: dimensions))
    }
    let whole = weights.isEmpty ? Array(block[0]) : block.mean(of: 0..<block.count, weights: weights)
    let length = VectorVerdict.length(whole) ?? 0
    self =
      length > 0
      ? .taken(whole, isUnit: abs(length - 1) < 1e-3) : .refused("its vector is all zeros, which no search finds")
  }

  /// nil where a value is not finite.
  private static func length(_ vector: [Float]) -> Double? {
    vector.withUnsafeBufferPointer { values in
      guard values.greatestMagnitude < Float.infiniteMagnitude else { return nil }
      var sum = 0.0
      for value in values { sum += Double(value) * Double(value) }
      return sum.squareRoot()
    }
  }
}
