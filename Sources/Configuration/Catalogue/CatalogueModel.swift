import Backfill

/// What the catalogue knows of a model; nil is unknown, never free and never unlimited.
package struct CatalogueModel: Hashable, Sendable {
  package enum Tokenizer: String, CaseIterable, Sendable {
    case cl100kBase = "cl100k_base"
    /// Tokens can only be estimated.
    case unverified
  }

  package struct Price: Hashable, Sendable {
    package let usdPerMillionTokens: Double
    /// In the provider's batch API; nil where it has none for this model, or none is known.
    package let usdPerMillionTokensInBatch: Double?
    /// When it was looked up, as YYYY-MM or YYYY-MM-DD.
    package let asOf: String?
    package let source: String?
  }

  package let provider: String
  package let id: String
  package internal(set) var price: Price?
  package internal(set) var dimensions: Dimensions?
  package internal(set) var tokenizer = Tokenizer.unverified
  package internal(set) var limits = Limits()
  /// The most tokens that a text has for each byte; nil where nobody has said so, and 1 is the bound.
  package internal(set) var maxTokensPerByte: Double?
  /// The fields of requests for stored texts, in place of the provider's; nil where those hold.
  var document: [String: JSONValue]?
  /// The fields of requests for the words of a search, in place of the provider's.
  var query: [String: JSONValue]?
  /// What stands before a stored text; nil where nothing does.
  var prefix: String?
  /// What stands before the words of a search.
  var queryPrefix: String?
  /// The day from which the provider may no longer serve it, as YYYY-MM-DD; nil where none is known.
  package internal(set) var sunset: String?
  /// Where the catalogue has it from; with several files the last.
  package internal(set) var origin: Origin
}

extension CatalogueModel {
  init(provider: String, id: String, origin: Origin) {
    self.provider = provider
    self.id = id
    self.origin = origin
  }

  /// What one input, one request or a minute may hold.
  package struct Limits: Hashable, Sendable {
    package internal(set) var inputTokens: Int?
    package internal(set) var inputs: Int?
    package internal(set) var requestTokens: Int?
    package internal(set) var requestsPerMinute: Int?
    package internal(set) var tokensPerMinute: Int?

    /// These limits, and the `other`'s where these are unknown.
    func filled(from other: Limits) -> Limits {
      Limits(
        inputTokens: inputTokens ?? other.inputTokens, inputs: inputs ?? other.inputs,
        requestTokens: requestTokens ?? other.requestTokens,
        requestsPerMinute: requestsPerMinute ?? other.requestsPerMinute,
        tokensPerMinute: tokensPerMinute ?? other.tokensPerMinute)
    }
  }
}
