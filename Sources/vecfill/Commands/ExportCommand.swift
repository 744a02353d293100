import ArgumentParser
import Backfill
import Configuration
import EmbeddingAPIs
import Foundation
import Ledger
import Tokenizer

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the rows that lack a vector to files, for another engine to embed.",
    discussion: """
      Writes what `vecfill run` would send, a row a line, as OpenAI's Batch API and `vllm run-batch` take it. It reads \
      only: a role with SELECT is enough, and no key is needed. After a stop or a kill the same command goes on after the \
      last whole part. Bring the vectors back with `vecfill load` (docs/export-load.md).

      Exit codes: 0 exported, 69 unavailable, 74 local files or a full disk, 77 denied, 78 the job doesn't fit the database \
      or the folder, 80 another export writes there.

      Example: `vecfill export job.yaml --to /data/export --gzip`
      """)

  @OptionGroup var options: SampleOptions
  @OptionGroup var ledger: LedgerOption

  @Option(help: ArgumentHelp("The folder for the parts. It is made if needed.", valueName: "folder"))
  var to: String

  @Flag(help: "Compress the parts.")
  var gzip = false

  @Option(
    help: ArgumentHelp("About how many rows a part has: the unit of work of the other engine.", valueName: "rows"))
  var partRows = 50_000

  func validate() throws {
    guard (1...50_000_000).contains(partRows) else {
      throw ValidationError("--part-rows takes a number from 1 to 50000000")
    }
  }

  func run() async throws {
    let configuration = try options.configuration(ledger: ledger)
    let job = try configuration.job()
    for source in job.sources { try source.checkNotCut(for: "export") }
    for warning in configuration.warnings(before: job) { Console.standard.warn(warning) }
    let counter = try TokenCounter(for: configuration.catalogueModel)
    try counter.check(job)
    let line = RequestLine(
      model: job.model.name,
      dimensions: configuration.exportedDimensionsField.map { ($0, job.model.dimensions) },
      fields: job.model.fields, asksForBase64: configuration.takesBase64)
    let ledger = try Ledger.openForReading(at: try configuration.ledgerPath ?? StateFolder().ledger)
    let manifest = try await Database.with(configuration, job, for: .estimating) { database in
      let columns = try job.sources.map { source in
        let fingerprint = job.fingerprint(of: source)
        return ExportManifest.Column(name: source.column, tag: try fingerprint.tag(), fingerprint: fingerprint)
      }
      let folder = try ExportFolder(
        to,
        ExportManifest(
          job: job.name, database: database.store.identity, model: job.model.name, dimensions: job.model.dimensions,
          columns: columns, isCompressed: gzip), partRows: partRows)
      let begun = await folder.manifest
      if begun.isComplete {
        Console.standard.log("vecfill: \(to) is complete; give another folder for rows that came later")
      } else if begun.parts > 0 {
        Console.standard.log("vecfill: going on behind \(begun.parts.of("part")) with \(begun.rows.exported.of("row"))")
      }
      let progress = ScanProgress(on: .standard, expected: nil)
      defer { if Console.standard.isLive { Console.standard.show("") } }
      return try await Export(
        job: job, store: database.store, ledger: ledger, packer: Packer(job, model: job.model, counter: counter),
        line: line, folder: folder
      ).run { progress.add($0, of: $1) }
    }
    print(manifest.summary(to))
  }
}
