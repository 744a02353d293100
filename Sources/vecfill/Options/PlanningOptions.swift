import ArgumentParser
import Configuration

/// The flags that say how much is asked at once and how fast, for each command that plans a job's requests.
struct PlanningOptions: ParsableArguments {
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
    [
      .batchSize: batchSize, .concurrency: concurrency, .requestsPerMinute: requestsPerMinute,
      .tokensPerMinute: tokensPerMinute, .budget: budget, .ledger: ledger,
    ].compactMapValues(\.self)
  }
}
