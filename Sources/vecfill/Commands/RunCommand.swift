import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger
import Logging
import MessageStores
import Migrations
import Pipeline
import Postgres
import Tokenizer

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Fill every missing embedding of a job's tables.",
    discussion: """
      Reads DATABASE_URL and the provider's key from the environment or a .env file; `vecfill config` tells every \
      value and where it comes from. Stopped by SIGINT, SIGTERM or SIGHUP, or killed, the same command goes on where it was.

      With an HNSW index on the column each write is many times slower: `index: {when: rebuild}` in the spec \
      drops it for the load and puts it back after it (docs/migrations.md).

      Exit codes: 0 complete, 64 usage, 65 bad data, 69 unavailable, 74 local files, 77 denied, 78 configuration, \
      80 locked, 82 budget, 83 quarantined rows, 130 SIGINT, 143 SIGTERM or SIGHUP (docs/exit-codes.md).
      """)

  @OptionGroup var options: JobOptions

  @Flag(help: "The same as `vecfill estimate`: tell what a run would take, write nothing and call nothing.")
  var dryRun = false

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

  @Option(help: "How log lines look: text or json; with json the summary is one JSON object.")
  var logFormat = LogFormat.text

  func validate() throws {
    for (name, value) in [("--grace", grace), ("--max-outage", maxOutage)] where !(0...86_400).contains(value) {
      throw ValidationError("\(name) takes seconds from 0 to 86400")
    }
    guard maxQuarantined >= 0 else { throw ValidationError("--max-quarantined takes a number of rows") }
  }

  func run() async throws {
    let configuration = try options.configuration()
    if dryRun {
      try await Estimation(configuration: configuration, json: logFormat == .json).tell()
      return
    }
    let job = try configuration.job()
    do {
      try await Database.with(configuration, job, for: .filling, maxOutage: .seconds(maxOutage)) {
        try await fill(job, configuration, $0)
      }
    } catch let failure as Failure where ifLocked == .skip && failure.exitCode == .locked {
      Console.standard.log("vecfill: skipped: \(failure.subject): \(failure.reason)")
    }
  }

  private func fill(_ job: Job, _ configuration: JobConfiguration, _ database: Database) async throws {
    let logger = Logger(label: "vecfill") { _ in ConsoleLogHandler(format: logFormat, console: .standard) }
    let stops = StopSignals { cause in
      logger.notice(
        "\(cause.signal): stopping within \(grace.fixed(0)) s; a second signal cancels what is under way")
    } abandon: { cause in
      logger.warning("\(cause.signal): ended without what does not answer; run the same command again to go on")
    }
    for warning in configuration.warnings() { logger.warning("\(warning)") }
    let embedder = try configuration.provider().embedder(for: job.model) { logger.notice("\($0)") }
    let state = try StateFolder()
    let board = ProgressBoard()
    let upkeep = try IndexUpkeep(
      job, configuration, Narrator(logger, board), mayBeAway: database.shapes.contains(where: \.indexes.mayBeAway))
    let (claims, locks) = try await database.claim(job, in: state.locks)
    defer { withExtendedLifetime((locks, stops)) {} }
    let counter = try TokenCounter(for: configuration.catalogueModel)
    try counter.check(job)
    let ledger = try Ledger.open(at: configuration.ledgerPath ?? state.ledger)
    database.warn(logger)
    for warning in Set(claims.flatMap(\.warnings)).sorted() { logger.warning("\(warning)") }
    let packer = Packer(job, model: job.model, counter: counter)
    let columns = try await ColumnCheck(
      job: job, store: database.store, ledger: ledger, claims: claims, packer: packer, adopts: adopt
    ).columns()
    let policy = RunPolicy(
      grace: .seconds(grace), retry: RetryPolicy(maxOutage: .seconds(maxOutage)), maxQuarantined: maxQuarantined)
    let run = JobRun(
      job: job, database: database, ledger: ledger, columns: columns, upkeep: upkeep, stops: stops.requests
    ) { logger.warning("\($0)") }
    let reporter = Reporter(
      board: board, console: .standard, logger: logger, isLive: logFormat == .text && Console.standard.isTerminal)
    let outcome = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await reporter.report() }
      defer { group.cancelAll() }
      return try await run.run { begun in
        stops.begin()
        tellRecovery(begun, job, logger)
        logger.info("filling \(job.sources.map(\.name).joined(separator: ", "))")
        return Pipeline(
          job: job, policy: policy, store: database.store, embedder: embedder, ledger: ledger, begun: begun,
          packer: packer, board: board, observer: RunObserver(job, database.shapes, upkeep, logger),
          countsBlank: database.countsBlank, comparisons: columns.compactMap(\.comparison))
      }
    }
    let summary = RunSummary(outcome, job: job, countsExactly: counter.isExact, ledger: ledger.path)
    print(logFormat == .json ? JSONLine.encode(summary) : summary.text)
    if case .failed(let failure) = outcome.ending { throw failure }
    if outcome.ending.exitCode != .complete { throw ArgumentParser.ExitCode(outcome.ending.exitCode.rawValue) }
  }

  private func tellRecovery(_ begun: Ledger.BegunRun, _ job: Job, _ logger: Logger) {
    for change in begun.changes { logger.notice("\(change)") }
    let ofPieces = begun.spooled.filter { job.sources[$0.source].chunks != nil }
    if !ofPieces.isEmpty {
      logger.info("\(ofPieces.count) replies of an earlier run hold pieces of texts, which are not asked for again")
    }
    let whole = begun.spooled.filter { job.sources[$0.source].chunks == nil }
    if !whole.isEmpty {
      let rows = whole.reduce(0) { $0 + $1.rows }
      logger.info("\(rows.grouped) rows of an earlier run are in the spool and are written without a call")
    }
    if begun.possiblyPaid > 0 {
      logger.warning("\(begun.possiblyPaid) requests of an earlier run had no reply; they may be paid twice")
    }
  }
}

/// What a run does where another holds its lock.
enum LockPolicy: String, ExpressibleByArgument, CaseIterable {
  case fail, skip
}
