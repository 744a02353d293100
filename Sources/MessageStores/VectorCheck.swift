import Backfill

extension ArraySlice<Float> {
  /// Throws a `Failure` about `subject` unless there are `dimensions` values, at least one, and all are finite.
  func check(dimensions: Int?, of subject: @autoclosure () -> String) throws {
    guard !isEmpty, dimensions == nil || dimensions == count else {
      throw Failure(
        .badData, subject(),
        "the vector has \(count) dimensions, the column takes \(dimensions.map(String.init) ?? "some")")
    }
    guard isFinite else { throw Failure(.badData, subject(), "the vector has a value that is not finite") }
  }

  /// Whether each value is a number: neither infinite nor NaN.
  private var isFinite: Bool {
    withUnsafeBufferPointer { values in
      // Without its sign a float's bits are a number that grows with it, infinity and NaN above all: one that a loop without
      // an exit finds many at a time. An index, not an iterator: that is fast without optimisation too.
      var most: Int32 = 0
      var index = 0
      while index < values.count {
        most = Swift.max(most, Int32(bitPattern: values[index].bitPattern & 0x7FFF_FFFF))
        index &+= 1
      }
      return most < Int32(bitPattern: Float.infinity.bitPattern)
    }
  }
}
