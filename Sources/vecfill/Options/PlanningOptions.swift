import ArgumentParser
import Configuration

/// The flags that say what is asked of whom and how fast, for each command that plans a job's requests.
struct PlanningOptions: ParsableArguments {
  @OptionGroup var model: ModelOptions
  @Option(help: ModelOptions.help(.batchSize, "inputs"))
  var batchSize: String?
  @Option(help: ModelOptions.help(.concurrency, "requests"))
  var concurrency: String?
  @Option(help: ModelOptions.help(.requestsPerMinute, "requests"))
  var requestsPerMinute: String?
  @Option(help: ModelOptions.help(.tokensPerMinute, "tokens"))
  var tokensPerMinute: String?
  @Option(help: ModelOptions.help(.budget, "usd"))
  var budget: String?
  @Option(help: ModelOptions.help(.ledger, "path"), completion: .file())
  var ledger: String?

  var flags: [Parameter: String] {
    let own: [Parameter: String?] = [
      .batchSize: batchSize, .concurrency: concurrency, .requestsPerMinute: requestsPerMinute,
      .tokensPerMinute: tokensPerMinute, .budget: budget, .ledger: ledger,
    ]
    return model.flags.merging(own.compactMapValues(\.self)) { flag, _ in flag }
  }
}
