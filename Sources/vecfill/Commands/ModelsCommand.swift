import ArgumentParser
import Configuration

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "Print the known models with their prices, dimensions and limits.")

  @Option(help: "A catalogue of models, merged over the others.")
  var models: String?
  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let catalogue = try ModelCatalogue(flags: [Parameter.models: models].compactMapValues(\.self))
    let report = CatalogueReport(catalogue)
    print(json ? try report.json() : report.table)
  }
}
