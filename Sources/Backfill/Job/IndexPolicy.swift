/// What a job does with the vector indexes of the columns that it fills: `index.when` in its spec.
package enum IndexPolicy: String, CaseIterable, Sendable {
  /// Indexes stay as they are, and each write maintains them. The default: dropping one slows the application's searches.
  case keep
  /// A column without an index gets one when it is filled.
  case after
  /// Indexes are dropped before a large load and put back after it.
  case rebuild
}
