import ArgumentParser
import Configuration

/// The flags that set a job's parameters, for each command that works on a whole job; their values are checked with the
/// other layers', so that an error reads the same wherever a value stands.
struct ConfigurationOptions: ParsableArguments {
  @OptionGroup var model: ModelOptions
  @Option(help: ModelOptions.help(.batchSize, "inputs"))
  var batchSize: String?
  @Option(help: ModelOptions.help(.concurrency, "requests"))
  var concurrency: String?
  @Option(help: ModelOptions.help(.writers, "writes"))
  var writers: String?
  @Option(help: ModelOptions.help(.requestsPerMinute, "requests"))
  var requestsPerMinute: String?
  @Option(help: ModelOptions.help(.tokensPerMinute, "tokens"))
  var tokensPerMinute: String?
  @Option(help: ModelOptions.help(.budget, "usd"))
  var budget: String?
  @Option(help: ModelOptions.help(.migrationDatabaseURL, "url"))
  var migrationDatabaseURL: String?
  @Option(help: ModelOptions.help(.ledger, "path"), completion: .file())
  var ledger: String?

  var flags: [Parameter: String] {
    let own: [Parameter: String?] = [
      .batchSize: batchSize, .concurrency: concurrency, .writers: writers, .requestsPerMinute: requestsPerMinute,
      .tokensPerMinute: tokensPerMinute, .budget: budget, .migrationDatabaseURL: migrationDatabaseURL, .ledger: ledger,
    ]
    return model.flags.merging(own.compactMapValues(\.self)) { flag, _ in flag }
  }
}
