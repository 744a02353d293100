import ArgumentParser
import Backfill
import Configuration

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check whether a run of a job would work, and show what to fix first.",
    discussion: """
      Looks at the database (connection, rights, tables, columns, indexes, triggers, publications) and at the ledger's \
      place. Asks the provider for a few embeddings of texts of vecfill's own: is the key accepted, do the dimensions fit, \
      does the server cut long texts silently? That is at most 30,000 tokens; the price is shown first. No row's text is \
      sent, no lock is taken and nothing is written.

      Each line has a mark: ok, warning (a run works, but look at it), failed (a run would end), skipped. A failed \
      check does not stop the others.

      Exit codes: 0 if nothing failed, else that of the first check that failed: 65 bad data, 69 unavailable, 74 local \
      files, 77 denied, 78 configuration, 82 credit used up (docs/exit-codes.md, docs/check.md).

      Example: `vecfill check job.yaml --offline`
      """)

  @OptionGroup var options: JobOptions

  @Flag(help: "Ask no provider: needs no key, costs nothing.")
  var offline = false

  @Flag(help: "One JSON object, for machines.")
  var json = false

  func run() async throws {
    let configuration = try options.configuration()
    let job = try configuration.job()
    var report = CheckReport(job: job.name)
    let tell = { (finding: Finding, group: CheckReport.Group) in
      let lines = report.add(finding, to: group)
      if !json { print(lines) }
    }
    try await DatabaseCheck(configuration: configuration, job: job, tell: tell).run()
    report.catalogueEntry = try await askProvider(configuration, job, tell)
    print(json ? JSONLine.encode(report) : report.ending)
    if let failure = report.failure { throw failure }
  }

  /// Returns lines for the catalogue, where a limit was found that it doesn't know.
  private func askProvider(
    _ configuration: JobConfiguration, _ job: Job, _ tell: @escaping (Finding, CheckReport.Group) -> Void
  ) async throws -> String? {
    let group = CheckReport.Group(name: "provider", place: job.model.provider)
    for finding in TooLongFindings(configuration: configuration, job: job).all { tell(finding, group) }
    guard !offline else {
      tell(.skipped("embedding", "not asked, with --offline"), group)
      return nil
    }
    let embedder: any Embedder
    do {
      embedder = try configuration.provider().embedder(for: job.model) { notice in
        Console.standard.warn(notice)
      }
    } catch let failure as Failure {
      tell(.failed("key", failure), group)
      return nil
    }
    return try await ProviderCheck(
      embedder: embedder, model: job.model, limits: job.limits,
      mostTexts: min(job.batchSize, job.model.maxInputs ?? .max),
      catalogueName: configuration.catalogueModel?.provider ?? configuration.catalogueProvider.name,
      keepsToLimit: TooLongFindings.keepsToLimit(configuration, job)
    ) { tell($0, group) }.run()
  }
}
