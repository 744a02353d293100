import ArgumentParser

/// Into what `vecfill plan --shards` cuts a job.
enum ShardCount: ExpressibleByArgument, Equatable, Sendable {
  /// So many ranges of the key, in each table.
  case ranges(Int)
  /// A shard for each partition of each table.
  case partitions

  static let most = 1_000

  init?(argument: String) {
    if argument == "partitions" {
      self = .partitions
    } else if let number = Int(argument), (1...Self.most).contains(number) {
      self = .ranges(number)
    } else {
      return nil
    }
  }
}
