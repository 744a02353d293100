import ArgumentParser
import Configuration

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Print the providers and known models with prices, dimensions, limits and sunsets.",
    discussion: """
      From config/models.yaml, your own ~/.config/vecfill/models.yaml and --models; later ones win, model by model \
      (docs/configuration.md). Other models work too; their price is unknown.

      Example: `vecfill models`
      """)

  @Option(help: ArgumentHelp("A catalogue of models, merged over the others.", valueName: "file"), completion: .yaml)
  var models: String?
  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let catalogue = try ModelCatalogue(flags: [Parameter.models: models].compactMapValues(\.self))
    let report = CatalogueReport(catalogue)
    print(json ? try report.json() : report.table)
  }
}
