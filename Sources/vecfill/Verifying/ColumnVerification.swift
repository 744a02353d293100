import Backfill
import Configuration
import Foundation
import MessageStores
import Postgres
import Tokenizer

/// Looks at what each column of a job holds, and shows what it finds; nothing is written.
struct ColumnVerification {
  let configuration: JobConfiguration
  let job: Job
  /// How many rows of a column are embedded again; 0 asks no provider.
  let sample: Int
  let consent: SampleConsent
  /// Takes each finding as it comes.
  let tell: (VerifyFinding) -> Void

  func run() async throws {
    let url = try DatabaseURL(configuration.databaseURL().reveal())
    try await url.surveying(applicationName: "vecfill verify \(Host.process)") { surveyor in
      for source in job.sources { try await verify(source, surveyor) }
    }
  }

  private func verify(_ source: Source, _ surveyor: any DatabaseSurveyor) async throws {
    let about = "\(source.name).\(source.vector)"
    let auditor = try await surveyor.auditor(of: source)
    let survey = try await surveyor.table(source, dimensions: job.model.dimensions)
    // The rows whose neighbours are looked for are taken from the sample too.
    let scan = ColumnScan(
      source: source, job: job, auditor: auditor, sample: max(sample, IndexRecall.searches))
    let scanned = try await scan.told(expecting: survey.rows)
    for finding in scanned.audit.findings(about: about, vector: source.vector) { tell(finding) }
    if scanned.audit.vectors > 0 { tell(scanned.repeated.finding(about: about, vector: source.vector)) }
    for finding in survey.indexFindings(about: about) { tell(finding) }
    let rows = try await auditor.sample(scanned.sample)
    if let finding = try await IndexRecall(auditor: auditor, survey: survey).finding(of: rows, about: about) {
      tell(finding)
    }
    tell(VerifyFinding(about, try await compare(Array(rows.prefix(sample)), about)))
  }

  private func compare(_ rows: [SampledRow], _ about: String) async throws -> Finding {
    guard sample > 0 else { return .skipped("sample", "no provider is asked") }
    guard !rows.isEmpty else { return .skipped("sample", "no row has a text and a vector that could be compared") }
    let (price, results) = try await SampleEmbedding(job, configuration).results(
      of: SampleComparison(of: rows, preparedBy: [job.preparation]), about: about, consent)
    guard let result = results?.first else { return .skipped("sample", "not sent: add --yes to embed \(price)") }
    return result.finding(of: job.model.name)
  }
}

extension ColumnScan {
  /// Runs it, and reports how far it is.
  func told(expecting rows: Int?) async throws -> Outcome {
    let console = Console.standard
    let progress = ScanProgress(on: console, expected: rows)
    defer { if console.isLive { console.show("") } }
    return try await run { progress.add($0, of: source.name) }
  }
}

extension SampleComparison.Result {
  func finding(of model: String) -> Finding {
    guard compared > 0 else { return .skipped("sample", "none of the texts got a vector that could be compared") }
    let figures = "least cosine \(leastCosine.fixed(4))"
    guard !unlike.isEmpty else {
      return .ok("sample", "\(compared.grouped) of \(compared.grouped) come out the same with \(model), \(figures)")
    }
    let keys = unlike.prefix(RowExamples.most).map { "\($0)" }.joined(separator: ", ")
    let found = "\(unlike.count.grouped) of \(compared.grouped) come out different with \(model) (\(keys)), \(figures)"
    let next =
      2 * unlike.count > compared
      ? "the column is of another model or of texts prepared otherwise: `vecfill adopt JOB` shows what it looks like"
      : "their texts were edited since: set their vectors to NULL and run the job"
    return .failed("sample", .badData, found, next: next)
  }
}
