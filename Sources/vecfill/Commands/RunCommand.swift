import ArgumentParser
import Backfill
import Configuration
import Foundation
import Logging
import Migrations
import Monitoring

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Fill every missing embedding of a job's tables.",
    discussion: """
      Reads DATABASE_URL and the provider's key from the environment or a .env file; `vecfill config` tells every \
      value and where it comes from. Stopped by SIGINT, SIGTERM or SIGHUP, or killed, the same command goes on where it was.

      With an HNSW index on the column each write is many times slower: `index: {when: rebuild}` in the spec \
      drops it for the load and puts it back after it (docs/migrations.md).

      With --follow it goes on when all is filled, and fills what comes and, as `edits` in the spec says, what is edited, \
      round by round (docs/edited-texts.md). Stopped while it waits, it ends as its last round did, with 0 as a rule.

      Exit codes: 0 complete, 64 usage, 65 bad data, 69 unavailable, 74 local files, 77 denied, 78 configuration, \
      80 locked, 82 budget, 83 quarantined rows, 130 SIGINT, 143 SIGTERM or SIGHUP (docs/exit-codes.md).
      """)

  @OptionGroup var options: JobOptions

  @Flag(help: "The same as `vecfill estimate`: tell what a run would take, write nothing and call nothing.")
  var dryRun = false

  @Flag(
    help: ArgumentHelp(
      "Go on when all is filled: wait for rows that come or are edited, and fill them, until it is stopped."))
  var follow = false

  @Option(help: ArgumentHelp("What to do while another process fills the same columns: fail (80) or skip (0)."))
  var ifLocked = LockPolicy.fail

  @Option(help: ArgumentHelp("Seconds that requests in flight may take to end after a stop.", valueName: "seconds"))
  var grace: Double = 20

  @Option(help: ArgumentHelp("Seconds of nothing but failures after which the run ends.", valueName: "seconds"))
  var maxOutage: Double = 600

  @Option(help: ArgumentHelp("Quarantined rows with which the exit is still 0.", valueName: "rows"))
  var maxQuarantined: Int = 0

  @Flag(help: "Take vectors that are there, and of which nobody recorded the model, for the job's own, uncompared.")
  var adopt = false

  @OptionGroup var monitoring: MonitoringOptions

  @Option(help: "How log lines look: text or json; with json the summary is one JSON object.")
  var logFormat = LogFormat.text

  func validate() throws {
    for (name, value) in [("--grace", grace), ("--max-outage", maxOutage)] where !(0...86_400).contains(value) {
      throw ValidationError("\(name) takes seconds from 0 to 86400")
    }
    guard !follow || !dryRun else { throw ValidationError("--follow and --dry-run exclude each other") }
    guard maxQuarantined >= 0 else { throw ValidationError("--max-quarantined takes a number of rows") }
  }

  func run() async throws {
    let configuration = try options.configuration()
    if dryRun {
      try await Estimation(configuration: configuration, json: logFormat == .json).tell()
      return
    }
    let job = try configuration.job()
    let logger = Logger(label: "vecfill") { _ in ConsoleLogHandler(format: logFormat, console: .standard) }
    try await monitoring.watching(job, configuration, logger) { try await fill(job, configuration, logger, $0) }
  }

  private func fill(
    _ job: Job, _ configuration: JobConfiguration, _ logger: Logger, _ monitor: RunMonitor?
  ) async throws {
    do {
      try await Database.with(configuration, job, for: .filling, maxOutage: .seconds(maxOutage)) {
        try await fill(job, configuration, $0, logger, monitor)
      }
    } catch let failure as Failure where ifLocked == .skip && failure.exitCode == .locked {
      Console.standard.log("vecfill: skipped: \(failure.subject): \(failure.reason)")
    }
  }

  private func fill(
    _ job: Job, _ configuration: JobConfiguration, _ database: Database, _ logger: Logger, _ monitor: RunMonitor?
  ) async throws {
    let filling = Filling(
      job: job, configuration: configuration, logger: logger, stops: StopSignals(logger, grace: grace), grace: grace,
      maxOutage: maxOutage, maxQuarantined: maxQuarantined, adopts: adopt,
      isLive: logFormat == .text && Console.standard.isTerminal, monitor: monitor)
    let ending = try await filling.rounds(database) { (rounds, first, summarize) async throws -> Ending in
      let summary = summarize(first, nil)
      print(logFormat == .json ? JSONLine.encode(summary) : summary.text)
      fflush(nil)
      guard follow, first.isDone else { return first.ending }
      var keeping = job
      keeping.indexPolicy = .keep
      return try await rounds.follow(after: first) { board in
        try IndexUpkeep(keeping, configuration, Narrator(logger, board), mayBeAway: false)
      } tell: { outcome, round in
        let summary = summarize(outcome, round)
        // Where it ends in another way than by a stop, all of it is told.
        print(logFormat == .json ? JSONLine.encode(summary) : outcome.isDone ? summary.line : summary.text)
        fflush(nil)
      }.ending
    }
    try ending.check()
  }
}

/// What a run does where another holds its lock.
enum LockPolicy: String, ExpressibleByArgument, CaseIterable {
  case fail, skip
}
