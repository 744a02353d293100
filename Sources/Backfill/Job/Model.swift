/// An embedding model as the job uses it: what is asked for, what a request may hold, what it costs.
package struct Model: Equatable, Sendable {
  /// The model's id as the provider knows it, e.g. "text-embedding-3-small".
  package var name: String
  /// Who serves it, as errors name it: a provider of the catalogue, or a host.
  package var provider: String
  /// The length of its vectors in this job.
  package var dimensions: Int
  /// Dollars a million tokens; nil where the price is unknown.
  package var usdPerMillionTokens: Double?
  /// The most tokens of one input; nil where it is unknown.
  package var maxInputTokens: Int?
  /// The most tokens that a text has for each byte of UTF-8. The default is 1, which holds for any tokenizer.
  package var maxTokensPerByte: Double
  /// The most inputs of one request; nil where it is unknown.
  package var maxInputs: Int?
  /// The most tokens of one request, summed; nil where it is unknown.
  package var maxRequestTokens: Int?
  /// What each request for stored texts says beside model, texts, dimensions and encoding, by field, e.g. `input_type`.
  /// The default is nothing.
  package var fields: [String: JSONValue]
  /// Who shortens vectors to `dimensions`. The default is the provider.
  package var cut: VectorCut

  package init(
    name: String, provider: String = "embeddings API", dimensions: Int, usdPerMillionTokens: Double? = nil,
    maxInputTokens: Int? = nil, maxTokensPerByte: Double = 1,
    maxInputs: Int? = nil, maxRequestTokens: Int? = nil, fields: [String: JSONValue] = [:],
    cut: VectorCut = .provider
  ) {
    self.name = name
    self.provider = provider
    self.dimensions = dimensions
    self.usdPerMillionTokens = usdPerMillionTokens
    self.maxInputTokens = maxInputTokens
    self.maxTokensPerByte = maxTokensPerByte
    self.maxInputs = maxInputs
    self.maxRequestTokens = maxRequestTokens
    self.fields = fields
    self.cut = cut
  }

  /// How texts are cut where its tokens can't be counted here; nil where nobody knows how many it takes.
  package var safeCut: SafeCut? {
    maxInputTokens.map { SafeCut(mostTokens: $0, tokensPerByte: maxTokensPerByte) }
  }

  /// The price of `tokens` in dollars; nil where it is unknown.
  package func cost(ofTokens tokens: Int) -> Double? {
    usdPerMillionTokens.map { $0 * Double(tokens) / 1_000_000 }
  }
}
