import ArgumentParser
import Backfill
import Configuration

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Cut a job's tables into shards, for several processes side by side.",
    discussion: """
      Each shard is a range of the key with the same number of rows that lack a vector; with `--shards partitions` each \
      partition of the table is a shard. The plan is stored in the database, in vecfill_shard. `vecfill run JOB --shard K` \
      fills one shard, `vecfill finish JOB` ends the plan (docs/shards.md). PostgreSQL only.

      The same command again keeps the plan. Without --shards it shows the stored one. With `index: {when: rebuild}` \
      it drops the index; `vecfill finish` builds it again.

      Exit codes: 0, 77 denied, 78 configuration: no plan, another one is unfinished, or no PostgreSQL, 80 locked \
      (docs/exit-codes.md).

      Example: `vecfill plan job.yaml --shards 16`
      """)

  @OptionGroup var options: WritingOptions

  @Option(
    help: ArgumentHelp(
      "Cut into so many shards, from 1 to 1000, or make each partition a shard.", valueName: "number|partitions"))
  var shards: ShardCount?

  @Flag(help: "One JSON object, for machines.")
  var json = false

  func run() async throws {
    let configuration = try options.configuration()
    let job = try configuration.job()
    let planning = ShardPlanning(configuration: configuration, job: job)
    guard let shards else {
      guard let stored = try await planning.stored() else {
        throw Failure(
          .configuration, "job \(job.name)", "no plan of its shards is stored",
          remedy: "`vecfill plan JOB --shards N` makes one")
      }
      return show(ShardReport(job, stored.plan, unplanned: stored.unplanned))
    }
    try job.checkShardsBudget()
    if configuration.mode == .batch { try configuration.checkBatchUse() }
    let stored = try await planning.plan(shards)
    show(ShardReport(job, stored.plan, unplanned: stored.unplanned, kept: stored.isKept))
  }

  private func show(_ report: ShardReport) {
    if json { return print(JSONLine.encode(report)) }
    print(report.text + (report.kept == true ? "\nthe plan was there already, and is kept" : ""))
  }
}
