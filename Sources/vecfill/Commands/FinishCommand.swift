import ArgumentParser
import Backfill
import Configuration
import Logging
import MessageStores
import Postgres

struct FinishCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "finish", abstract: "End a job's plan: fill what is left, build its indexes, check.",
    discussion: """
      Goes through the whole table once all shards are done, and fills what came meanwhile. Then it builds the vector \
      indexes that the job asks for, checks them, and deletes the plan (docs/shards.md). The same command again goes on \
      where it was. Without a stored plan, as after an earlier finish, it fills the whole job as `vecfill run` does.

      Exit codes: 81 if a shard is open or at work, with the list; 65 if an index can't be used; else those of run \
      (docs/exit-codes.md).

      Example: `vecfill finish job.yaml`
      """)

  @OptionGroup var place: SpecArgument

  @OptionGroup var model: ModelOptions

  @OptionGroup var planning: PlanningOptions

  @OptionGroup var settings: ConfigurationOptions

  @Option(help: ArgumentHelp("With up to this many rows in quarantine the exit code is not 83.", valueName: "rows"))
  var maxQuarantined: Int = 0

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard maxQuarantined >= 0 else { throw ValidationError("--max-quarantined takes a number of rows") }
  }

  func run() async throws {
    let end = try output.end(of: place.spec)
    do {
      try await finish(end)
      await end.tell(nil)
    } catch {
      await end.tell(error)
      throw error
    }
  }

  private func finish(_ end: RunEnd) async throws {
    let configuration = try JobConfiguration(
      spec: place.spec, flags: .merged(model.flags, planning.flags, settings.flags))
    let job = try configuration.job()
    let logger = output.logger
    let ending = try await Database.with(configuration, job, for: .filling, maxOutage: .seconds(600)) { database in
      let shards = try await ShardFinish(job, database)
      if shards.plan == nil { logger.notice("no plan of shards is stored: the whole job is run") }
      if !shards.unplanned.isEmpty {
        logger.notice("came after the plan, and filled now: \(shards.unplanned.map(\.name).list)")
      }
      let filling = Filling(
        job: job, configuration: configuration, logger: logger, stops: StopSignals(logger, grace: 20),
        maxQuarantined: maxQuarantined)
      return try await filling.rounds(database) { (rounds, first, summarize) async throws -> Ending in
        let summary = summarize(first, nil)
        end.take(summary)
        output.print(summary)
        guard first.isDone else { return first.ending }
        try await checkIndexes(of: job, configuration)
        try await shards.end(rounds)
        return first.ending
      }
    }
    try ending.check()
  }

  /// Throws a `Failure` where a vector index can't be used.
  private func checkIndexes(of job: Job, _ configuration: JobConfiguration) async throws {
    let url = try DatabaseURL(configuration.databaseURL().reveal())
    try await url.surveying(applicationName: "vecfill finish \(Host.name)") { surveyor in
      // What `vecfill verify` knows nothing of is not looked at here either.
      for source in job.sources where source.chunks == nil {
        let survey = try await surveyor.table(source, dimensions: job.model.dimensions)
        for finding in survey.indexFindings(about: source.column) {
          if !output.quiet { Console.standard.log(finding.line) }
          guard let code = finding.finding.exitCode else { continue }
          throw Failure(
            code, finding.about, "\(finding.finding.check): \(finding.finding.found)", remedy: finding.finding.next)
        }
      }
    }
  }
}
