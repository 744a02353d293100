import ArgumentParser
import Configuration

struct EstimateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "estimate", abstract: "Show what a run would take: tokens, requests, dollars, time and disk.",
    discussion: """
      Reads the rows as a run would. It needs only the right to SELECT and no key; it calls nothing and writes nothing. \
      `vecfill run --dry-run` does the same.

      Tokens and cost of OpenAI's models are exact after `vecfill tokenizer install`. Figures that are not exact have a ~ \
      (docs/estimate.md).

      Exit codes: 0, 82 if the cost may be above --max-cost, and those of run (docs/exit-codes.md).

      Example: `vecfill estimate job.yaml --max-cost 5`
      """)

  @OptionGroup var options: EstimateOptions

  @Flag(help: "One JSON object, for machines.")
  var json = false

  @Option(help: ArgumentHelp("Exit with 82 if the cost may be above this.", valueName: "usd"))
  var maxCost: Double?

  @Flag(help: "Price all models of the catalogue side by side, the cheapest first.")
  var compare = false

  @Option(help: ArgumentHelp("Read only a random sample of about this many rows, at least 100.", valueName: "rows"))
  var sample: Int?

  @Option(
    help: ArgumentHelp(
      "Read a random sample that is large enough to know the tokens with at most this error, e.g. 1%.",
      valueName: "percent"))
  var within: Percentage?

  func validate() throws {
    if let maxCost, !(maxCost >= 0 && maxCost.isFinite) {
      throw ValidationError("--max-cost takes dollars, 0 or more")
    }
    if let sample, sample < Sampling.leastRows {
      throw ValidationError("--sample takes at least \(Sampling.leastRows) rows")
    }
    guard sample == nil || within == nil else { throw ValidationError("give --sample or --within, not both") }
  }

  func run() async throws {
    let sampling = sample.map(Sampling.rows) ?? within.map { Sampling.within($0.share) }
    try await Estimation(
      configuration: try options.configuration(), json: json, maxCost: maxCost, compares: compare, sampling: sampling
    ).tell()
  }
}

/// A share as a person gives it, e.g. "1%" or "0.5 %".
struct Percentage: ExpressibleByArgument {
  let share: Double

  init?(argument: String) {
    guard let percent = Self.percent(argument), percent > 0, percent < 100 else { return nil }
    share = percent / 100
  }

  /// nil for what is no number.
  static func percent(_ argument: String) -> Double? {
    let digits = argument.hasSuffix("%") ? String(argument.dropLast()) : argument
    return Double(digits.split(separator: " ").joined())
  }
}
