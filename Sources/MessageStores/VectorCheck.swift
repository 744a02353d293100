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
      // An index, not an iterator: that is fast without optimisation too. No end before the last value: so the compiler
      // looks at several at once.
      var greatest: UInt32 = 0
      var index = 0
      while index < values.count {
        greatest = Swift.max(greatest, values[index].bitPattern & Float.infinity.bitPattern)
        index += 1
      }
      return greatest < Float.infinity.bitPattern
    }
  }
}
