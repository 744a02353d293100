import Foundation

/// The shard that a process is asked to do: by `--shard`, or as a pod of an Indexed Job by its index, which counts only
/// where a plan is stored.
struct ShardChoice: Equatable, Sendable {
  let number: Int
  let isExplicit: Bool

  static let variable = "JOB_COMPLETION_INDEX"

  /// nil where none is asked for.
  init?(_ flag: Int?, _ environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard let number = flag ?? environment[Self.variable].flatMap({ Int($0) }), number >= 0 else { return nil }
    self.number = number
    isExplicit = flag != nil
  }
}
