import Backfill

/// A model's entry in a file; what it leaves out stays as it was.
struct ModelChange {
  let provider: String
  let id: String
  private let price: CatalogueModel.Price?
  private let dimensions: Dimensions?
  private let tokenizer: CatalogueModel.Tokenizer?
  private let limits: CatalogueModel.Limits
  private let maxTokensPerByte: Double?
  private let document: [String: JSONValue]?
  private let query: [String: JSONValue]?
  private let prefix: String?
  private let queryPrefix: String?
  private let sunset: String?
  private let origin: Origin

  private static let keys = [
    "id", "provider", "price", "dimensions", "tokenizer", "document", "query", "prefix", "query_prefix", "sunset",
    "max_tokens_per_byte",
  ]

  init(_ value: YAMLValue, file: String) throws(Failure) {
    let keys = try value.mapping(keys: Self.keys + CatalogueModel.Limits.keys)
    provider = try keys.required("provider").providerName()
    id = try keys.required("id").text(.text)
    price = try keys["price"].map(CatalogueModel.Price.init)
    dimensions = try keys["dimensions"].map(Dimensions.init)
    tokenizer = try keys["tokenizer"]?.choice()
    limits = try CatalogueModel.Limits(keys)
    maxTokensPerByte = try keys["max_tokens_per_byte"]?.number(0.01...4)
    document = try keys["document"]?.jsonObject()
    query = try keys["query"]?.jsonObject()
    prefix = try keys["prefix"]?.phrase()
    queryPrefix = try keys["query_prefix"]?.phrase()
    sunset = try keys["sunset"]?.date(toTheDay: true)
    origin = .config(file: file, line: value.line)
  }

  func applied(to earlier: CatalogueModel?) -> CatalogueModel {
    var model = earlier ?? CatalogueModel(provider: provider, id: id, origin: origin)
    model.price = price ?? model.price
    model.dimensions = dimensions ?? model.dimensions
    model.tokenizer = tokenizer ?? model.tokenizer
    model.limits = limits.filled(from: model.limits)
    model.maxTokensPerByte = maxTokensPerByte ?? model.maxTokensPerByte
    model.document = document ?? model.document
    model.query = query ?? model.query
    model.prefix = prefix ?? model.prefix
    model.queryPrefix = queryPrefix ?? model.queryPrefix
    model.sunset = sunset ?? model.sunset
    model.origin = origin
    return model
  }
}

extension CatalogueModel.Price {
  /// Above it a price is taken for a typo: the dearest model of the facts sheet costs $0.20 a million tokens, and a price
  /// list in wide use once told $100 for one (facts sheet, heading 5).
  static let highest = 5.0

  init(_ value: YAMLValue) throws(Failure) {
    let keys = try value.mapping(keys: ["usd_per_million_tokens", "batch", "as_of", "source"])
    let usd = try Self.dollars(keys.required("usd_per_million_tokens"))
    let batch = try keys["batch"].map(Self.dollars)
    if let batch, batch > usd, let value = keys["batch"] {
      throw value.refusal("at most usd_per_million_tokens")
    }
    self.init(
      usdPerMillionTokens: usd, usdPerMillionTokensInBatch: batch, asOf: try keys["as_of"]?.date(),
      source: try keys["source"]?.text(.text))
  }

  private static func dollars(_ value: YAMLValue) throws(Failure) -> Double {
    do {
      return try value.number(0...highest)
    } catch {
      throw Failure(
        error.exitCode, error.subject, error.reason,
        remedy: "prices are dollars a million tokens, and a higher one is taken for a typo")
    }
  }
}

extension Dimensions {
  /// `1536`, `[1024, 256, 512]` with the default first, or `{default: 1536, min: 1, max: 1536}`.
  init(_ value: YAMLValue) throws(Failure) {
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
      self.init(standard, .range(low...high))
    } else if value.isList {
      var numbers: [Int] = []
      for entry in try value.list(of: "dimensions") { numbers.append(try number(entry)) }
      guard let standard = numbers.first else {
        throw Failure(.configuration, value.place, "\(value.path) must name at least the model's own dimensions")
      }
      self.init(standard, .list(Array(numbers.dropFirst())))
    } else {
      self.init(try number(value))
    }
  }
}

extension YAMLValue {
  /// A date as it is written: YYYY-MM-DD, and YYYY-MM unless the day is needed.
  func date(toTheDay: Bool = false) throws(Failure) -> String {
    let text = try text()
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let lengths = toTheDay ? [[4, 2, 2]] : [[4, 2], [4, 2, 2]]
    guard lengths.contains(parts.map(\.utf8.count)), parts.allSatisfy({ Int($0) != nil }) else {
      throw Failure(
        .configuration, place, "\(path) must be a date, as \(toTheDay ? "2026-11-22" : "2026-11 or 2026-11-22")")
    }
    return text
  }
}
