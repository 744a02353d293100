import ArgumentParser
import Backfill
import Configuration

struct AdoptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adopt", abstract: "Go on with a column that another tool filled, once its vectors are proven.",
    discussion: """
      Reads the columns as `vecfill verify` does and embeds a few rows of each again with the job's model. If at least nine \
      in ten vectors match, the column is recorded as this job's, and `vecfill run JOB` fills the rest. If not, nothing is \
      recorded, and you see what the vectors look like.

      The sample costs money. The price is shown first, and you are asked at a terminal; elsewhere give --yes.

      Exit codes: 0 adopted, or recorded already; 64 not confirmed, 69 unavailable, 77 denied, 78 the vectors don't match \
      the job, 80 locked (docs/verify.md).

      Example: `vecfill adopt job.yaml --sample 50`
      """)

  @OptionGroup var options: SampleOptions
  @OptionGroup var ledger: LedgerOption

  @Option(help: ArgumentHelp("How many rows of each column are embedded again, from 5 to 1000.", valueName: "rows"))
  var sample = 20

  @Flag(help: "Send the sample without asking.")
  var yes = false

  func validate() throws {
    guard (5...1_000).contains(sample) else { throw ValidationError("--sample takes a number from 5 to 1000") }
  }

  func run() async throws {
    let configuration = try options.configuration(ledger: ledger)
    let job = try configuration.job()
    for source in job.sources { try source.checkNotCut(for: "adopt") }
    for warning in configuration.warnings() { Console.standard.warn(warning) }
    try await Database.with(configuration, job, for: .filling) { database in
      try await Adoption(
        configuration: configuration, job: job, database: database, sample: sample,
        consent: SampleConsent(isGiven: yes)
      ) { print($0) }.run()
    }
  }
}
