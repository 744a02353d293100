import Backfill
import Foundation

/// The models that are known, with their prices, dimensions and limits.
package struct ModelCatalogue: Sendable {
  /// The id of provider `local`'s one model.
  package static let localModel = "hashed-ngrams"

  /// In the order in which the files tell of them.
  package private(set) var models: [CatalogueModel]
  private var providers: [String: CatalogueProvider] = [:]

  /// Only what needs no file: the local model, which is free.
  package init() {
    var local = CatalogueModel(provider: "local", id: Self.localModel, origin: .builtIn)
    local.price = CatalogueModel.Price(
      usdPerMillionTokens: 0, usdPerMillionTokensInBatch: nil, asOf: nil, source: "computed on this machine")
    local.dimensions = Dimensions(1536, .range(Parameter.possibleDimensions))
    models = [local]
  }

  /// The model that `provider` calls `id`, with its provider's limits where it has none of its own; nil where it is
  /// unknown.
  package func model(provider: String, id: String) -> CatalogueModel? {
    guard var model = models.first(where: { $0.provider == provider && $0.id == id }) else { return nil }
    model.limits = model.limits.filled(from: limits(ofProvider: provider))
    return model
  }

  /// The limits that hold for every model of `provider`.
  package func limits(ofProvider provider: String) -> CatalogueModel.Limits {
    providers[provider]?.limits ?? CatalogueModel.Limits()
  }

  /// The provider whose API is at `host`; nil where it is unknown.
  package func provider(atHost host: String) -> String? {
    providers.values.first { $0.hosts.contains(host.lowercased()) }?.name
  }

  private mutating func merge(_ file: CatalogueFile) {
    for change in file.providers {
      providers[change.name] = change.applied(to: providers[change.name])
    }
    for change in file.models {
      if let index = models.firstIndex(where: { $0.provider == change.provider && $0.id == change.id }) {
        models[index] = change.applied(to: models[index])
      } else {
        models.append(change.applied(to: nil))
      }
    }
  }
}

extension ModelCatalogue {
  /// Reads the shipped catalogue, the user's own and the one that is chosen, each merged over the one before.
  package init(flags: [Parameter: String] = [:], process: ProcessContext = .current()) throws(Failure) {
    let layers = Layers(flags: flags, environment: process.environment, dotenv: try DotEnv(in: process))
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

/// What holds for all models of a provider.
struct CatalogueProvider: Hashable {
  let name: String
  /// Where its OpenAI-compatible API is, in lower case.
  var hosts: [String] = []
  var limits = CatalogueModel.Limits()
}
