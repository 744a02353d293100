import Foundation

/// The shard that a process is asked to do: by `--shard`, or as a pod of an Indexed Job by its index, which counts only
/// where a plan is stored.
struct ShardChoice: Equatable, Sendable {
  /// nil where the pod's index is no number of a shard.
  let number: Int?
  let isExplicit: Bool
  /// As it was told.
  let text: String

  static let variable = "JOB_COMPLETION_INDEX"

  /// nil where none is asked for.
  init?(_ flag: Int?, _ environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard let text = flag.map(String.init) ?? environment[Self.variable], !text.isEmpty else { return nil }
    self.text = text
    number = Int(text).flatMap { $0 >= 0 ? $0 : nil }
    isExplicit = flag != nil
  }
}
