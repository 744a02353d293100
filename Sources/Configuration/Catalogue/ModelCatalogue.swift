import Backfill
import Foundation

/// The providers and models that are known, with their prices, dimensions and limits.
package struct ModelCatalogue: Sendable {
  /// The id of provider `demo`'s one model.
  package static let demoModel = "hashed-ngrams"

  /// In the order of the files.
  package private(set) var providers = CatalogueProvider.builtIn
  private var entries: [CatalogueModel]

  /// Only what needs no file: the demo's model, which is free, and OpenAI's and Azure's APIs.
  package init() {
    var demo = CatalogueModel(provider: CatalogueProvider.demo, id: Self.demoModel, origin: .builtIn)
    demo.price = CatalogueModel.Price(
      usdPerMillionTokens: 0, usdPerMillionTokensInBatch: nil, asOf: nil, source: "computed on this machine")
    demo.dimensions = Dimensions(1536, .range(Parameter.possibleDimensions))
    entries = [demo]
  }

  /// Whether it holds only what needs no file, as where no catalogue was found.
  var isBuiltIn: Bool { entries.allSatisfy { $0.provider == CatalogueProvider.demo } }

  /// The models of the providers that can be called, in the order of the files.
  package var models: [CatalogueModel] { entries.filter { provider($0.provider) != nil } }

  /// The provider of this name; `local` is what `demo` was called at first.
  package func provider(_ name: String) -> CatalogueProvider? {
    let name = name == CatalogueProvider.formerDemo ? CatalogueProvider.demo : name
    return providers.first { $0.name == name }
  }

  /// The model that `provider` calls `id`, with its provider's limits and price where it has none of its own; nil where
  /// it is unknown.
  package func model(provider name: String, id: String) -> CatalogueModel? {
    guard let provider = provider(name),
      var model = entries.first(where: { $0.provider == provider.name && $0.id == id })
    else { return nil }
    model.limits = model.limits.filled(from: provider.limits)
    model.price = (model.price ?? provider.price)?.withBatch(provider.batch?.priceFactor)
    return model
  }

  /// The names of the providers with a batch API, in the order of the files.
  package var batchProviders: [String] { providers.filter { $0.batch != nil }.map(\.name) }

  /// The limits that hold for every model of `provider`.
  package func limits(ofProvider provider: String) -> CatalogueModel.Limits {
    self.provider(provider)?.limits ?? CatalogueModel.Limits()
  }

  /// The provider whose API is at `host`; nil where it is unknown.
  package func provider(atHost host: String) -> String? {
    providers.first { $0.hosts.contains(host.lowercased()) }?.name
  }

  private mutating func merge(_ file: CatalogueFile) {
    for change in file.providers {
      if let index = providers.firstIndex(where: { $0.name == change.name }) {
        providers[index] = change.applied(to: providers[index])
      } else {
        providers.append(change.applied(to: nil))
      }
    }
    for change in file.models {
      if let index = entries.firstIndex(where: { $0.provider == change.provider && $0.id == change.id }) {
        entries[index] = change.applied(to: entries[index])
      } else {
        entries.append(change.applied(to: nil))
      }
    }
  }
}

extension ModelCatalogue {
  /// Reads the shipped catalogue, the user's own and the one that is chosen, each merged over the one before.
  package init(flags: [Parameter: String] = [:], process: ProcessContext = .current()) throws(Failure) {
    let variables = Variables(environment: process.environment, dotenv: try DotEnv(in: process))
    let layers = Layers(flags: flags, variables: variables)
    try layers.refuseMisspelledVariables()
    let folder = try ConfigurationFolder.find(layers.setting(.configFolder), in: process)
    try self.init(in: folder, chosen: layers.setting(.models), process)
  }

  init(in folder: String?, chosen: Setting, _ process: ProcessContext) throws(Failure) {
    self.init()
    if let folder, ConfigurationFolder.holds(folder, ConfigurationFolder.models) {
      merge(try CatalogueFile(path: "\(folder)/\(ConfigurationFolder.models)", in: process))
    }
    if let own = process.userCatalogue, FileManager.default.fileExists(atPath: own) {
      merge(try CatalogueFile(path: own, in: process))
    }
    if case .text(let path)? = chosen.value {
      merge(try CatalogueFile(path: process.absolute(path), in: process))
    }
  }
}
