/// The stored plan of a job: its shards, each of which is the same part of every table.
package struct ShardPlan: Sendable {
  /// A shard of the job.
  package struct Shard: Equatable, Sendable {
    package enum State: String, Sendable, Encodable {
      /// Nobody works on it, and rows are left, or nobody knows.
      case open
      case working
      case done
    }

    package let number: Int
    /// The rows that lacked a vector in it when it was planned.
    package let rows: Int
    package let state: State
    /// Since when it is done, in UTC.
    package let done: String?
    /// Who works on it now; where nobody does, who did last.
    package let worker: String?
    package let isBegun: Bool
    /// The partition that it is; nil where it is a range of the key, or a whole table.
    package let partition: ShardRange.Partition?
  }

  /// By source, and in each by number.
  package let parts: [[StoredShard]]
  package let shards: [Shard]

  /// - Parameters:
  ///   - parts: for each source of the job its shards; nil where a source has none, or they are of several plans.
  ///   - holders: who works on the shards now, by number.
  package init?(_ parts: [[StoredShard]], holders: [Int: String] = [:]) {
    guard let first = parts.first?.first,
      parts.allSatisfy({ $0.count == first.count && $0.allSatisfy { $0.count == first.count && $0.plan == first.plan } }
      )
    else { return nil }
    self.parts = parts
    shards = (0..<first.count).map { number in
      let own = parts.map { $0[number] }
      let done = own.compactMap(\.done)
      let isDone = done.count == own.count
      return Shard(
        number: number, rows: own.reduce(0) { $0 + $1.rows },
        state: holders[number] != nil ? .working : isDone ? .done : .open, done: isDone ? done.max() : nil,
        worker: holders[number] ?? own.compactMap(\.worker).first, isBegun: own.contains { $0.begun != nil },
        partition: own.lazy.compactMap(\.range.partition).first)
    }
  }

  package var count: Int { shards.count }

  /// The shards that finishing has to wait for.
  package var unfinished: [Shard] { shards.filter { $0.state != .done } }

  /// Whether each shard is a partition, or a table that has none.
  package var isOfPartitions: Bool { shards.contains { $0.partition != nil } }

  /// The partitions of `all` that no shard of the plan is.
  package func unplanned(of all: [ShardRange.Partition]) -> [ShardRange.Partition] {
    let planned = Set(shards.compactMap(\.partition?.id))
    return all.filter { !planned.contains($0.id) }
  }

  /// Whether its partitions are not those of `all`.
  package func isOutOfDate(for all: [ShardRange.Partition]) -> Bool {
    Set(shards.compactMap(\.partition?.id)) != Set(all.map(\.id))
  }

  /// In what a job differs from the one that was planned, in words; nil where it is the same.
  ///
  /// - Parameter works: what the job does with each of its tables.
  package func difference(from works: [ShardWork]) -> String? {
    zip(works, parts).lazy.compactMap { work, part in part.first.flatMap { work.difference(from: $0.work) } }.first
  }
}

extension ShardPlan.Shard: CustomStringConvertible {
  package var description: String {
    switch state {
    case .open: "\(number) is open"
    case .working: "\(number) is at work\(worker.map { " (\($0))" } ?? "")"
    case .done: "\(number) is done"
    }
  }
}
