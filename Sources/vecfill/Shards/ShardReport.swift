import Backfill

/// The shards of a job, as `vecfill plan` and `vecfill status` show them.
struct ShardReport: Encodable {
  struct Shard: Encodable {
    let shard: Int
    let rows: Int
    /// nil where it is a range of the key, or a whole table.
    let partition: String?
    let state: ShardPlan.Shard.State
    let doneAt: String?
    let worker: String?
  }

  let job: String
  let count: Int
  /// Whether the plan was there before; nil where none was asked for.
  let kept: Bool?
  let shards: [Shard]
  /// The partitions that came after a plan of partitions.
  let unplannedPartitions: [String]

  init(_ job: Job, _ plan: ShardPlan, unplanned: [ShardRange.Partition] = [], kept: Bool? = nil) {
    self.job = job.name
    unplannedPartitions = unplanned.map(\.name)
    count = plan.count
    self.kept = kept
    shards = plan.shards.map {
      Shard(
        shard: $0.number, rows: $0.rows, partition: $0.partition?.name, state: $0.state,
        doneAt: $0.done.map { $0.replacing(" ", with: "T") + "Z" },
        worker: $0.worker)
    }
  }

  /// What a person reads.
  var text: String {
    let sizes = shards.map(\.rows)
    let (least, most) = (sizes.min() ?? 0, sizes.max() ?? 0)
    let size = least == most ? "\(most.of("row"))" : "\(least.grouped) to \(most.of("row"))"
    let states = [ShardPlan.Shard.State.done, .working, .open].compactMap { state in
      let number = shards.count { $0.state == state }
      return number > 0 ? "\(number) \(state == .working ? "at work" : state.rawValue)" : nil
    }
    var lines = ["\(job): \(count.of("shard")) of \(size) each; \(states.joined(separator: ", "))"]
    lines += partitions
    lines += shards.filter { $0.state == .working }.map { "  shard \($0.shard) at work: \($0.worker ?? "")" }
    let open = shards.filter { $0.state == .open && sizes.count > 1 }.map { "\($0.shard)" }
    if !open.isEmpty, open.count < count {
      let more = open.count > 20 ? " and \(open.count - 20) more" : ""
      lines.append("  open: \(open.prefix(20).joined(separator: ", "))\(more)")
    }
    if !unplannedPartitions.isEmpty {
      lines.append("  came after the plan, for `vecfill finish` to fill: \(unplannedPartitions.list)")
    }
    return lines.joined(separator: "\n")
  }

  /// Which shard is which partition, the first few.
  private var partitions: [String] {
    let all = shards.compactMap { shard in
      shard.partition.map { "  shard \(shard.shard): \($0), \(shard.rows.of("row"))" }
    }
    return all.count > 50 ? all.prefix(50) + ["  and \(all.count - 50) more, see --json"] : all
  }
}

extension [String] {
  /// The first few, e.g. "a, b and 3 more".
  var list: String { prefix(10).joined(separator: ", ") + (count > 10 ? " and \(count - 10) more" : "") }
}
