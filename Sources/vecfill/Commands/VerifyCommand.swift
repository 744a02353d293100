import ArgumentParser
import Backfill
import Configuration

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Show what a job's vector columns hold, and what is wrong with it.",
    discussion: """
      Reads every row once, in short read-only transactions: a role with SELECT is enough. Counts rows without a vector, and \
      vectors of another length, not finite, all zeros, not normalised, or the same for many texts. Measures how many true \
      neighbours the index finds. Embeds a few rows again and compares.

      The sample costs money. The price is shown first, and you are asked at a terminal; elsewhere give --yes. With \
      --offline no provider is asked and no key is needed.

      Exit codes: 0 if nothing is wrong, 65 if something is; 69 unavailable, 77 denied, 78 configuration, 82 credit used up \
      (docs/verify.md).

      Example: `vecfill verify job.yaml --offline`
      """)

  @OptionGroup var options: SampleOptions

  @Option(help: ArgumentHelp("How many rows of each column are embedded again, from 0 to 1000.", valueName: "rows"))
  var sample = 20

  @Flag(help: "Ask no provider: needs no key, costs nothing.")
  var offline = false

  @Flag(help: "Send the sample without asking.")
  var yes = false

  @Flag(help: "A JSON object a line, one for each finding.")
  var json = false

  func validate() throws {
    guard (0...1_000).contains(sample) else { throw ValidationError("--sample takes a number from 0 to 1000") }
  }

  func run() async throws {
    let configuration = try options.configuration()
    let job = try configuration.job()
    for source in job.sources { try source.checkNotCut(for: "verify") }
    var failure: Failure?
    try await ColumnVerification(
      configuration: configuration, job: job, sample: offline ? 0 : sample, consent: SampleConsent(isGiven: yes)
    ) { found in
      print(json ? JSONLine.encode(found) : found.line)
      guard failure == nil, let code = found.finding.exitCode else { return }
      failure = Failure(
        code, found.about, "\(found.finding.check): \(found.finding.found)", remedy: found.finding.next)
    }.run()
    if let failure { throw failure }
    if !json { print("nothing wrong was found; nothing was written") }
  }
}
