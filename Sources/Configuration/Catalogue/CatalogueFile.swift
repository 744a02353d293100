import Backfill

/// A file of models, to be merged over earlier files.
struct CatalogueFile {
  private(set) var providers: [ProviderChange] = []
  private(set) var models: [ModelChange] = []

  init(path: String, in process: ProcessContext) throws(Failure) {
    let file = process.shown(path)
    let root = try YAMLFile.read(path, shown: file).mapping(keys: ["providers", "models"])
    for value in try root["providers"]?.list(of: "providers") ?? [] {
      let provider = try ProviderChange(value, file: file)
      guard !providers.contains(where: { $0.name == provider.name }) else {
        throw Failure(.configuration, value.place, "\(value.path) is \(provider.name), which is already above")
      }
      providers.append(provider)
    }
    for value in try root["models"]?.list(of: "models") ?? [] {
      let model = try ModelChange(value, file: file)
      guard !models.contains(where: { $0.provider == model.provider && $0.id == model.id }) else {
        throw Failure(
          .configuration, value.place, "\(value.path) is \(model.id) of \(model.provider), which is already above")
      }
      models.append(model)
    }
  }
}

extension CatalogueModel.Limits {
  static let keys = [
    "max_input_tokens", "max_inputs", "max_request_tokens", "requests_per_minute", "tokens_per_minute",
  ]

  init(_ keys: YAMLMapping) throws(Failure) {
    func number(_ key: String) throws(Failure) -> Int? {
      try keys[key]?.integer(1...1_000_000_000_000)
    }
    self.init(
      inputTokens: try number("max_input_tokens"), inputs: try number("max_inputs"),
      requestTokens: try number("max_request_tokens"), requestsPerMinute: try number("requests_per_minute"),
      tokensPerMinute: try number("tokens_per_minute"))
  }
}

extension YAMLValue {
  /// A provider's name; what `demo` was called at first is still it.
  func providerName() throws(Failure) -> String {
    let name = try text(.word)
    return name == CatalogueProvider.formerDemo ? CatalogueProvider.demo : name
  }
}
