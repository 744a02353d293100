import Backfill

/// A file of models: what it tells, to be merged over what earlier files told.
struct CatalogueFile {
  /// A model's entry; what it leaves out stays as it was.
  struct ModelChange {
    let provider: String
    let id: String
    let price: CatalogueModel.Price?
    let dimensions: Dimensions?
    let tokenizer: CatalogueModel.Tokenizer?
    let limits: CatalogueModel.Limits
    let origin: Origin

    func applied(to earlier: CatalogueModel?) -> CatalogueModel {
      var model = earlier ?? CatalogueModel(provider: provider, id: id, origin: origin)
      model.price = price ?? model.price
      model.dimensions = dimensions ?? model.dimensions
      model.tokenizer = tokenizer ?? model.tokenizer
      model.limits = limits.filled(from: model.limits)
      model.origin = origin
      return model
    }
  }

  struct ProviderChange {
    let name: String
    let hosts: [String]?
    let limits: CatalogueModel.Limits

    func applied(to earlier: CatalogueProvider?) -> CatalogueProvider {
      CatalogueProvider(
        name: name, hosts: hosts ?? earlier?.hosts ?? [], limits: limits.filled(from: earlier?.limits ?? .init()))
    }
  }

  /// Above it a price is taken for a typo: the dearest model of the facts sheet costs $0.20 a million tokens, and a price
  /// list in wide use once told $100 for one (facts sheet, heading 5).
  static let highestPrice = 5.0

  private(set) var providers: [ProviderChange] = []
  private(set) var models: [ModelChange] = []

  init(path: String, in process: ProcessContext) throws(Failure) {
    let file = process.shown(path)
    let root = try YAMLFile.read(path, shown: file).mapping(keys: ["providers", "models"])
    for value in try root["providers"]?.list(of: "providers") ?? [] {
      let provider = try Self.provider(value)
      guard !providers.contains(where: { $0.name == provider.name }) else {
        throw Failure(.configuration, value.place, "\(value.path) is \(provider.name), which is already above")
      }
      providers.append(provider)
    }
    for value in try root["models"]?.list(of: "models") ?? [] {
      let model = try Self.model(value, file: file)
      guard !models.contains(where: { $0.provider == model.provider && $0.id == model.id }) else {
        throw Failure(
          .configuration, value.place, "\(value.path) is \(model.id) of \(model.provider), which is already above")
      }
      models.append(model)
    }
  }

  private static let limitKeys = [
    "max_input_tokens", "max_inputs", "max_request_tokens", "requests_per_minute", "tokens_per_minute",
  ]

  private static func provider(_ value: YAMLValue) throws(Failure) -> ProviderChange {
    let keys = try value.mapping(keys: ["name", "hosts"] + limitKeys)
    var hosts: [String]?
    if let list = try keys["hosts"]?.list(of: "host names") {
      hosts = []
      for host in list { hosts?.append(try host.text(.word).lowercased()) }
    }
    return ProviderChange(
      name: try keys.required("name").text(.word), hosts: hosts, limits: try limits(keys))
  }

  private static func model(_ value: YAMLValue, file: String) throws(Failure) -> ModelChange {
    let keys = try value.mapping(keys: ["id", "provider", "price", "dimensions", "tokenizer"] + limitKeys)
    return ModelChange(
      provider: try keys.required("provider").text(.word),
      id: try keys.required("id").text(.text),
      price: try keys["price"].map(price), dimensions: try keys["dimensions"].map(dimensions),
      tokenizer: try keys["tokenizer"].map(tokenizer), limits: try limits(keys),
      origin: .config(file: file, line: value.line))
  }

  private static func price(_ value: YAMLValue) throws(Failure) -> CatalogueModel.Price {
    let keys = try value.mapping(keys: ["usd_per_million_tokens", "batch", "as_of", "source"])
    let usd = try dollars(keys.required("usd_per_million_tokens"))
    let batch = try keys["batch"].map(dollars)
    if let batch, batch > usd, let value = keys["batch"] {
      throw value.refusal("at most usd_per_million_tokens")
    }
    return CatalogueModel.Price(
      usdPerMillionTokens: usd, usdPerMillionTokensInBatch: batch, asOf: try keys["as_of"].map(date),
      source: try keys["source"]?.text(.text))
  }

  private static func dollars(_ value: YAMLValue) throws(Failure) -> Double {
    do {
      return try value.number(0...highestPrice)
    } catch {
      throw Failure(
        error.exitCode, error.subject, error.reason,
        remedy: "prices are dollars a million tokens, and a higher one is taken for a typo")
    }
  }

  private static func date(_ value: YAMLValue) throws(Failure) -> String {
    let text = try value.text()
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard [[4, 2], [4, 2, 2]].contains(parts.map(\.utf8.count)), parts.allSatisfy({ Int($0) != nil }) else {
      throw Failure(.configuration, value.place, "\(value.path) must be a date, as 2026-11 or 2026-11-22")
    }
    return text
  }

  private static func tokenizer(_ value: YAMLValue) throws(Failure) -> CatalogueModel.Tokenizer {
    let words = CatalogueModel.Tokenizer.allCases.map(\.rawValue)
    return CatalogueModel.Tokenizer(rawValue: try value.text(.choice(words))) ?? .unverified
  }

  /// `1536`, `[1024, 256, 512]` with the default first, or `{default: 1536, min: 1, max: 1536}`.
  private static func dimensions(_ value: YAMLValue) throws(Failure) -> Dimensions {
    func number(_ value: YAMLValue) throws(Failure) -> Int {
      try value.integer(Parameter.possibleDimensions)
    }
    if value.isMapping {
      let keys = try value.mapping(keys: ["default", "min", "max"])
      let standard = try number(keys.required("default"))
      let (low, high) = (try number(keys.required("min")), try number(keys.required("max")))
      guard low <= standard, standard <= high else {
        throw Failure(.configuration, value.place, "\(value.path) must have min, default and max in ascending order")
      }
      return Dimensions(standard, .range(low...high))
    }
    guard value.isList else { return Dimensions(try number(value)) }
    var numbers: [Int] = []
    for entry in try value.list(of: "dimensions") { numbers.append(try number(entry)) }
    guard let standard = numbers.first else {
      throw Failure(.configuration, value.place, "\(value.path) must name at least the model's own dimensions")
    }
    return Dimensions(standard, .list(Array(numbers.dropFirst())))
  }

  private static func limits(_ keys: YAMLMapping) throws(Failure) -> CatalogueModel.Limits {
    func number(_ key: String) throws(Failure) -> Int? {
      try keys[key]?.integer(1...1_000_000_000_000)
    }
    return CatalogueModel.Limits(
      inputTokens: try number("max_input_tokens"), inputs: try number("max_inputs"),
      requestTokens: try number("max_request_tokens"), requestsPerMinute: try number("requests_per_minute"),
      tokensPerMinute: try number("tokens_per_minute"))
  }
}
