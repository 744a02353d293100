import ArgumentParser
import Backfill
import Configuration
import Foundation
import Logging
import Migrations
import Monitoring
import Postgres

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Fill every missing embedding of a job's tables.",
    discussion: """
      Reads DATABASE_URL and the provider's key from the environment or a .env file; `vecfill config` shows every \
      value and where it comes from. After a stop by Ctrl-C, SIGTERM or \
      SIGHUP, or a kill, the same command goes on where it was.

      With an HNSW index on the column each write is many times slower: `index: {when: rebuild}` in the spec \
      drops it for the load and puts it back after it (docs/migrations.md).

      With --follow it waits for more when all is filled. It fills new rows and, with `edits` in the spec, edited ones \
      (docs/edited-texts.md). If you stop it while it waits, it exits with the code of its last round, mostly 0.

      With --deadline, --until, --max-rows or --max-requests, or outside the job's `hours`, it stops with work left: that \
      is 0, or 81 with --require-complete (docs/steering.md).

      With --shard it fills one shard of the stored plan, as a pod of a Kubernetes Indexed Job does by its \
      JOB_COMPLETION_INDEX (docs/shards.md).

      With --batch it submits the rows to the provider's batch API and ends with 75 while they wait; a later run goes on \
      (docs/batch.md).

      Exit codes: 0 complete, 64 usage, 65 bad data, 69 unavailable, 74 local files, 75 waiting, 77 denied, 78 configuration, \
      80 locked, 81 work left, 82 budget, 83 newly quarantined rows, 130 SIGINT, 143 SIGTERM or SIGHUP (docs/exit-codes.md).

      Example: `vecfill run job.yaml --until 06:00 --max-rows 100000`
      """)

  // Not `JobOptions`: in a debug build the parser checks each group several times for each level that it stands below
  // the command, and the tests start thousands of runs.
  @OptionGroup var place: SpecArgument

  @OptionGroup var model: ModelOptions

  @OptionGroup var planning: PlanningOptions

  @OptionGroup var settings: ConfigurationOptions

  @Flag(
    name: [.long, .customShort("n")],
    help: "The same as `vecfill estimate`: show what a run would take; write nothing and call nothing.")
  var dryRun = false

  @Flag(
    help: ArgumentHelp(
      "Don't end when all rows are filled: wait for new and edited rows and fill them, until stopped."))
  var follow = false

  @Option(
    help: ArgumentHelp(
      "What to do while another process fills the same columns: exit with 80, or skip it with 0.",
      valueName: "fail|skip"))
  var ifLocked = LockPolicy.fail

  @Option(
    help: ArgumentHelp("After a stop, wait up to this many seconds for requests in flight.", valueName: "seconds"))
  var grace: Double = 20

  @Option(help: ArgumentHelp("End the run after this many seconds in which nothing succeeded.", valueName: "seconds"))
  var maxOutage: Double = 600

  @OptionGroup var batchOptions: BatchUseOptions

  @OptionGroup var steeringOptions: SteeringOptions

  @Option(help: ArgumentHelp("Fill only this shard of the plan that `vecfill plan` made, from 0.", valueName: "number"))
  var shard: Int?

  @Option(help: ArgumentHelp("With up to this many rows in quarantine the exit code is not 83.", valueName: "rows"))
  var maxQuarantined: Int = 0

  @Flag(help: "Accept vectors that have no recorded model as made by this job's model, without comparing them.")
  var adopt = false

  @OptionGroup var monitoring: MonitoringOptions

  @OptionGroup var output: OutputOptions

  func validate() throws {
    for (name, value) in [("--grace", grace), ("--max-outage", maxOutage)] where !(0...86_400).contains(value) {
      throw ValidationError("\(name) takes seconds from 0 to 86400")
    }
    guard !follow || !dryRun else { throw ValidationError("--follow and --dry-run exclude each other") }
    guard shard == nil || !follow && !dryRun else {
      throw ValidationError("--shard goes with neither --follow nor --dry-run")
    }
    guard shard ?? 0 >= 0 else { throw ValidationError("--shard takes a number from 0") }
    guard maxQuarantined >= 0 else { throw ValidationError("--max-quarantined takes a number of rows") }
  }

  private func configured() throws -> JobConfiguration {
    try JobConfiguration(spec: place.spec, flags: .merged(model.flags, planning.flags, settings.flags))
  }

  func run() async throws {
    let began = ContinuousClock.now
    if dryRun {
      return try await Estimation(configuration: configured(), json: output.logFormat == .json).tell()
    }
    let end = try output.end(of: place.spec)
    do {
      try await fill(end, since: began)
      await end.tell(nil)
    } catch {
      await end.tell(error)
      throw error
    }
  }

  private func fill(_ end: RunEnd, since began: ContinuousClock.Instant) async throws {
    let configuration = try configured()
    let job = try configuration.job()
    let gauges = try opened(configuration)
    let logger = output.logger
    let terms = try batchOptions.terms(configuration, follows: follow)
    let batches = try terms.map { try BatchWork(configuration, job, $0, logger) }
    let choice = follow ? nil : ShardChoice(shard)
    try await monitoring.watching(job, configuration, logger) { monitor in
      do {
        try await Database.with(
          configuration, job, for: .filling, maxOutage: .seconds(maxOutage), shard: choice?.number
        ) { database in
          let part = try await ShardPart(choice, of: job, database, logger)
          if let done = part.done { return skip(done, end) }
          let stops = StopSignals(logger, grace: grace)
          let steering = Steering(plan(configuration, since: began), job.terms, stops.requests)
          let filling = Filling(
            job: part.job, configuration: configuration, logger: logger, stops: stops, grace: grace,
            maxOutage: maxOutage,
            maxQuarantined: maxQuarantined, failOn: steeringOptions.failOn, adopts: adopt, batches: batches,
            steering: steering, shard: part.number, monitor: monitor)
          let ending = try await steering.working(logger, gauges: gauges) { try await ended(filling, part, end) }
          try ending.check(requiringComplete: steering.plan.requiresComplete)
        }
      } catch let failure as Failure where ifLocked == .skip && failure.exitCode == .locked {
        monitor?.skip()
        skip(failure, end)
      }
    }
  }

  /// Ends with 0 and nothing done, as another does it or has done it.
  private func skip(_ failure: Failure, _ end: RunEnd) {
    let isLocked = failure.exitCode == .locked
    // What helps one that fails is no advice for one that passes it over.
    let passed = Failure(.complete, failure.subject, failure.reason, remedy: isLocked ? nil : failure.remedy)
    let summary = end.skipped(passed)
    let skipped = Event(
      level: .info, name: .skipped, message: "skipped: \(passed.subject): \(passed.reason)", fields: passed.fields)
    if !output.quiet { Console.standard.tell(skipped) }
    // A person has read it in that line.
    if output.logFormat == .json { output.print(summary) }
  }

  private func opened(_ configuration: JobConfiguration) throws -> (all: [Gauge], reader: GaugeReader)? {
    let all = configuration.gauges
    guard !all.isEmpty else { return nil }
    let database = try DatabaseURL(configuration.databaseURL().reveal())
    return (all, try GaugeReader(all, of: database, environment: ProcessInfo.processInfo.environment))
  }

  private func plan(_ configuration: JobConfiguration, since began: ContinuousClock.Instant) -> Steering.Plan {
    let asked = steeringOptions
    return Steering.Plan(
      deadline: asked.deadline.map { began + $0.duration }, until: asked.until?.date, hours: configuration.hours,
      bounds: asked.bounds, requiresComplete: asked.requireComplete, follows: follow)
  }

  private func ended(_ filling: Filling, _ part: ShardPart, _ end: RunEnd) async throws -> Ending {
    let show = { (summary: RunSummary) in
      end.take(summary)
      output.print(summary)
    }
    return try await filling.rounds(part.database) { (rounds, first, summarize) async throws -> Ending in
      if first.isDone { try await part.recordDone() }
      show(summarize(first, nil))
      guard follow, first.isDone else { return first.ending }
      var keeping = filling.job
      keeping.indexPolicy = .keep
      return try await rounds.follow(after: first) { board in
        try IndexUpkeep(keeping, filling.configuration, Narrator(filling.logger, board), mayBeAway: false)
      } tell: { outcome, round in
        // Where it ends in another way than by a stop, all of it is told.
        show(summarize(outcome, round))
      }.ending
    }
  }
}

/// What a run does where another holds its lock.
enum LockPolicy: String, ExpressibleByArgument, CaseIterable {
  case fail, skip
}
