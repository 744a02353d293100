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
  private var isFinite: Bool { withUnsafeBufferPointer { $0.greatestMagnitude < Float.infiniteMagnitude } }
}
