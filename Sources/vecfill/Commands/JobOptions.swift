import ArgumentParser
import Configuration

/// The job's spec and the settings that a flag can change.
struct JobOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The job spec, e.g. jobs/backfill-embeddings.yaml.", valueName: "spec"))
  var spec: String

  @Option(help: "Which kind of API embeds: openai, azure or local.")
  var provider: String?

  @Option(help: "The model's id as the provider knows it.")
  var model: String?

  @Option(help: "The vectors' length.")
  var dimensions: String?

  @Option(help: "The most inputs of one request.")
  var batchSize: String?

  @Option(help: "The most requests in flight.")
  var concurrency: String?

  @Option(help: "The most requests a minute.")
  var requestsPerMinute: String?

  @Option(help: "The most tokens a minute.")
  var tokensPerMinute: String?

  @Option(help: "The most dollars that the job may spend over all its runs.")
  var budget: String?

  @Option(help: "Where an OpenAI-compatible API is.")
  var baseURL: String?

  @Option(help: ArgumentHelp("The ledger's file.", valueName: "path"))
  var ledger: String?

  @Option(help: ArgumentHelp("A catalogue of models, merged over the others.", valueName: "path"))
  var models: String?

  /// The values as they were typed: what they must be is the configuration's to say.
  var flags: [Parameter: String] {
    let typed: [(Parameter, String?)] = [
      (.provider, provider), (.model, model), (.dimensions, dimensions), (.batchSize, batchSize),
      (.concurrency, concurrency), (.requestsPerMinute, requestsPerMinute), (.tokensPerMinute, tokensPerMinute),
      (.budget, budget), (.baseURL, baseURL), (.ledger, ledger), (.models, models),
    ]
    return Dictionary(uniqueKeysWithValues: typed.compactMap { key, value in value.map { (key, $0) } })
  }

  func configuration() throws -> JobConfiguration {
    try JobConfiguration(spec: spec, flags: flags)
  }
}
