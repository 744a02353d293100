import ArgumentParser
import Configuration

/// The flags that say who embeds, for each command that embeds texts or judges vectors.
struct ModelOptions: ParsableArguments {
  @Option(help: help(.provider, "name"))
  var provider: String?
  @Option(help: help(.model, "id"))
  var model: String?
  @Option(help: help(.dimensions, "length"))
  var dimensions: String?
  @Option(help: help(.baseURL, "url"))
  var baseURL: String?
  @Option(help: help(.models, "file"), completion: .yaml)
  var models: String?

  var flags: [Parameter: String] {
    [.provider: provider, .model: model, .dimensions: dimensions, .baseURL: baseURL, .models: models]
      .compactMapValues(\.self)
  }

  /// - Parameter value: what the flag takes, in a word.
  static func help(_ parameter: Parameter, _ value: String) -> ArgumentHelp {
    let definition = parameter.definition
    let fallback = definition.fallback.map { "\($0)" } ?? definition.derivedDefault ?? "none"
    let summary = definition.summary.prefix(1).uppercased() + definition.summary.dropFirst()
    return ArgumentHelp("\(summary) (default: \(fallback)).", valueName: value)
  }
}
