import Backfill

/// What one try at reading a file of answers has come to.
struct FilePass: Sendable {
  /// The batch's lines that it answers.
  private(set) var ids: Set<String> = []
  /// Answers to a line that had one before.
  var duplicates = 0
  /// Where answers stand that nobody asked for, counted from 1.
  var unknown: [Int] = []

  /// Whether the line with this id has had no answer before.
  mutating func isFirst(_ id: String) -> Bool { ids.insert(id).inserted }
}
