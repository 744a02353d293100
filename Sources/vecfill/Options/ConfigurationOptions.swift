import ArgumentParser
import Configuration

/// The flags that set a job's parameters, for each command that reads a job; their values are checked with the other
/// layers', so that an error reads the same wherever a value stands.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: help(.provider))
  var provider: String?
  @Option(help: help(.model))
  var model: String?
  @Option(help: help(.dimensions))
  var dimensions: String?
  @Option(help: help(.batchSize))
  var batchSize: String?
  @Option(help: help(.concurrency))
  var concurrency: String?
  @Option(help: help(.writers))
  var writers: String?
  @Option(help: help(.requestsPerMinute))
  var requestsPerMinute: String?
  @Option(help: help(.tokensPerMinute))
  var tokensPerMinute: String?
  @Option(help: help(.budget))
  var budget: String?
  @Option(help: help(.baseURL))
  var baseURL: String?
  @Option(help: help(.migrationDatabaseURL))
  var migrationDatabaseURL: String?
  @Option(help: help(.ledger), completion: .file())
  var ledger: String?
  @Option(help: help(.models), completion: .yaml)
  var models: String?

  var flags: [Parameter: String] {
    [
      .provider: provider, .model: model, .dimensions: dimensions, .batchSize: batchSize, .concurrency: concurrency,
      .writers: writers, .requestsPerMinute: requestsPerMinute, .tokensPerMinute: tokensPerMinute, .budget: budget,
      .baseURL: baseURL,
      .migrationDatabaseURL: migrationDatabaseURL, .ledger: ledger, .models: models,
    ].compactMapValues(\.self)
  }

  private static func help(_ parameter: Parameter) -> ArgumentHelp {
    let definition = parameter.definition
    let fallback = definition.fallback.map { "\($0)" } ?? definition.derivedDefault ?? "none"
    return "\(definition.summary) (default: \(fallback))"
  }
}
