/// A model as JSON shows it; what is unknown is left out.
struct CatalogueEntry: Encodable {
  struct Price: Encodable {
    let usdPerMillionTokens: Double
    let batch: Double?
    let asOf: String?
    let source: String?
  }

  /// Either `choices` or the range from `min` to `max`.
  struct Span: Encodable {
    let `default`: Int
    let choices: [Int]?
    let min: Int?
    let max: Int?
  }

  let id: String
  let provider: String
  let price: Price?
  let dimensions: Span?
  let tokenizer: String
  let maxInputTokens: Int?
  let maxTokensPerByte: Double?
  let maxInputs: Int?
  let maxRequestTokens: Int?
  let requestsPerMinute: Int?
  let tokensPerMinute: Int?
  let sunset: String?
  let origin: String

  init(_ model: CatalogueModel) {
    id = model.id
    provider = model.provider
    price = model.price.map {
      Price(
        usdPerMillionTokens: $0.usdPerMillionTokens, batch: $0.usdPerMillionTokensInBatch, asOf: $0.asOf,
        source: $0.source)
    }
    dimensions = model.dimensions.map { dimensions in
      let own = dimensions.standard
      return switch dimensions.choice {
      case .fixed: Span(default: own, choices: [own], min: nil, max: nil)
      case .list(let others): Span(default: own, choices: [own] + others, min: nil, max: nil)
      case .range(let range): Span(default: own, choices: nil, min: range.lowerBound, max: range.upperBound)
      }
    }
    tokenizer = model.tokenizer.rawValue
    maxInputTokens = model.limits.inputTokens
    maxTokensPerByte = model.maxTokensPerByte
    maxInputs = model.limits.inputs
    maxRequestTokens = model.limits.requestTokens
    requestsPerMinute = model.limits.requestsPerMinute
    tokensPerMinute = model.limits.tokensPerMinute
    sunset = model.sunset
    origin = "\(model.origin)"
  }
}
