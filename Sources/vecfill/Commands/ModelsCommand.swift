import ArgumentParser
import Configuration

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Print the providers and known models with prices, dimensions, limits and sunsets.",
    discussion: """
      From config/models.yaml, your own ~/.config/vecfill/models.yaml and --models, each merged over the one before, model \
      by model (docs/configuration.md). A model that is in none of them runs too, with its price unknown.
      """)

  @Option(help: "A catalogue of models, merged over the others.", completion: .yaml)
  var models: String?
  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let catalogue = try ModelCatalogue(flags: [Parameter.models: models].compactMapValues(\.self))
    let report = CatalogueReport(catalogue)
    print(json ? try report.json() : report.table)
  }
}
