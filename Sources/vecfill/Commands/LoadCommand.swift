import ArgumentParser
import Backfill
import Configuration
import EmbeddingAPIs
import Foundation
import Ledger
import Logging
import Migrations
import Tokenizer

struct LoadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load", abstract: "Write vectors that another engine made, from files to their rows.",
    discussion: """
      Takes what OpenAI's Batch API, `vllm run-batch`, Ray or Spark made of the lines of `vecfill export`. Also lines of \
      your own: a key, a vector, and the text or its digest. Each line is checked: model, dimensions, finite, not all zeros, and the text: \
      a vector is written only if its row still holds that text and lacks a vector. Wrong and stale lines are counted, named \
      by file and line, and not written.

      After a stop or a kill the same command goes on: what is written is not written again.

      Exit codes: 0 loaded, stale lines included; 65 lines were refused, the others are written; 69 unavailable, 74 local \
      files, 77 denied, 78 configuration, 80 locked, 130 SIGINT, 143 SIGTERM (docs/export-load.md).

      Example: `vecfill load job.yaml /data/vectors --paid 12.40`
      """)

  @OptionGroup var options: WritingOptions

  @Argument(help: ArgumentHelp("A folder of .jsonl or .jsonl.gz files, or one file.", valueName: "folder"))
  var folder: String

  @Option(help: ArgumentHelp("What the vectors have cost, for `vecfill cost` and the budget.", valueName: "usd"))
  var paid: Double?

  @Option(help: ArgumentHelp("Another name under which the lines may name the job's model.", valueName: "name"))
  var modelAlias: String?

  func validate() throws {
    guard paid.map({ $0 >= 0 && $0.isFinite }) != false else { throw ValidationError("--paid takes dollars") }
  }

  func run() async throws {
    let files = try ResultFiles(at: folder)
    let configuration = try options.configuration()
    let job = try configuration.job()
    for source in job.sources { try source.checkNotCut(for: "load") }
    let logger = Logger(label: "vecfill") { _ in ConsoleLogHandler(.standard, level: .info) }
    let loaded = try await Database.with(configuration, job, for: .filling, maxOutage: .seconds(600)) { database in
      try await load(files, job, configuration, database, logger)
    }
    print(LoadReport(loaded: loaded, folder: folder).text)
    if let failure = loaded.tally.failure(of: folder) { throw failure }
  }

  private func load(
    _ files: ResultFiles, _ job: Job, _ configuration: JobConfiguration, _ database: Database, _ logger: Logger
  ) async throws -> JobRun.Loaded {
    let stops = StopSignals(logger, grace: 20)
    let state = try StateFolder()
    let narrator = Narrator {
      logger.info("\($0)")
    } warn: {
      logger.warning("\($0)")
    } show: {
      if Console.standard.isLive { Console.standard.show($0) }
    }
    let upkeep = try IndexUpkeep(
      job, configuration, narrator, mayBeAway: database.shapes.contains(where: \.indexes.mayBeAway))
    let (claims, locks) = try await database.claim(job, in: state.locks)
    defer { withExtendedLifetime((locks, stops)) {} }
    let ledger = try Ledger.open(at: configuration.ledgerPath ?? state.ledger)
    database.warn(logger)
    for warning in Set(claims.flatMap(\.warnings)).sorted() { logger.warning("\(warning)") }
    let packer = Packer(job, model: job.model, counter: try TokenCounter(for: configuration.catalogueModel))
    let columns = try await ColumnCheck(
      job: job, store: database.store, ledger: ledger, claims: claims, packer: packer, adopts: false
    ).columns()
    for column in columns where column.comparison != nil {
      throw Failure(
        .configuration, column.column.source.column, "it holds vectors whose model nobody recorded",
        remedy: "have them compared first by `vecfill adopt \(options.spec)`")
    }
    let loadColumns = try zip(job.sources, database.shapes).map { source, shape in
      LoadColumn(source: source, keyKind: shape.keyKind, tag: try job.fingerprint(of: source).tag())
    }
    let written = Locked(0)
    let progress = ScanProgress(on: .standard, expected: nil, verb: "written")
    defer { if Console.standard.isLive { Console.standard.show("") } }
    let loading = Loading(
      job: job, store: database.store,
      reader: ResultReader(files, columns: loadColumns, model: job.model, alias: modelAlias)
    ) { rows, source in
      written.withLock { $0 += rows }
      progress.add(rows, of: source)
    }
    stops.begin()
    return try await JobRun(
      job: job, database: database, ledger: ledger, columns: columns, upkeep: upkeep, stops: stops.requests,
      steering: nil
    ) { logger.warning("\($0)") }.load(loading, paid: paid, written: written)
  }
}
