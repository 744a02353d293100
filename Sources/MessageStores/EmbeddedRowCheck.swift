import Backfill

extension EmbeddedRow {
  /// Throws a `Failure` unless the vector has `dimensions` finite values.
  func check(dimensions: Int?, in source: Source) throws {
    if let dimensions, vector.count != dimensions {
      throw Failure(
        .badData, "\(source.name) \(source.key) \(key)",
        "its vector has \(vector.count) dimensions, the column takes \(dimensions)")
    }
    guard vector.isFinite else {
      throw Failure(.badData, "\(source.name) \(source.key) \(key)", "its vector has a value that is not finite")
    }
  }
}

extension ArraySlice<Float> {
  /// Whether each value is a number: neither infinite nor NaN.
  var isFinite: Bool {
    withUnsafeBufferPointer { values in
      for value in values where !value.isFinite { return false }
      return true
    }
  }
}
