import Backfill
import Configuration
import Tokenizer

/// A model that an estimate prices.
struct Candidate {
  let provider: String
  let model: Model
  let price: CatalogueModel.Price?
  let counter: TokenCounter

  /// What decides how its inputs are counted and packed.
  struct Packing: Equatable {
    let maxInputTokens: Int?
    let maxInputs: Int?
    let maxRequestTokens: Int?
    let isExact: Bool
    /// Whether something can be proven of a text's tokens.
    let isCl100kBase: Bool
    /// Where long texts are cut by their bytes.
    let maxTokensPerByte: Double
  }

  var packing: Packing {
    Packing(
      maxInputTokens: model.maxInputTokens, maxInputs: model.maxInputs, maxRequestTokens: model.maxRequestTokens,
      isExact: counter.isExact, isCl100kBase: counter.isCl100kBase,
      maxTokensPerByte: model.maxTokensPerByte)
  }

  /// All of the catalogue, at their own dimensions; `dimensions` are taken where those are unknown.
  static func all(of catalogue: ModelCatalogue, dimensions: Int) throws(Failure) -> [Candidate] {
    var candidates: [Candidate] = []
    for listed in catalogue.models {
      guard let known = catalogue.model(provider: listed.provider, id: listed.id) else { continue }
      let model = Model(
        name: known.id, dimensions: known.dimensions?.standard ?? dimensions,
        usdPerMillionTokens: known.price?.usdPerMillionTokens, maxInputTokens: known.limits.inputTokens,
        maxTokensPerByte: known.maxTokensPerByte ?? 1,
        maxInputs: known.limits.inputs, maxRequestTokens: known.limits.requestTokens)
      var counter = candidates.first { $0.counter.isExact && known.tokenizer == .cl100kBase }?.counter
      if counter == nil { counter = try TokenCounter(for: known) }
      guard let counter else { continue }
      candidates.append(Candidate(provider: known.provider, model: model, price: known.price, counter: counter))
    }
    return candidates
  }
}
