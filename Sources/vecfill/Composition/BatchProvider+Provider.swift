import Backfill
import Configuration
import EmbeddingAPIs

extension ProviderSettings {
  /// The batch API of the provider that these settings describe, and the embedder that makes and reads its lines; `notify`
  /// gets the notices of that.
  ///
  /// Throws a `Failure` with `.configuration` that names the providers with a batch API where this one has none.
  func makeBatchProvider(
    for model: Model, notify: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> (provider: any BatchProvider, embedder: APIEmbedder) {
    guard let batch else {
      let others =
        batchProviders.isEmpty
        ? "the catalogue has no provider with one" : "these have one: \(batchProviders.joined(separator: ", "))"
      throw Failure(
        .configuration, "provider \(name)", "has no batch API that vecfill speaks",
        remedy: "run the job without batch mode; \(others)")
    }
    let embedder = try apiEmbedder(for: model, doubtsRepeats: true, notify: notify)
    let options = BatchOptions(limits: batch.limits, windowHours: batch.windowHours)
    let provider: any BatchProvider =
      switch batch.format {
      case .openai: try OpenAIBatches(embedder, options)
      case .mistral: try MistralBatches(embedder, options)
      case .gemini: try GeminiBatches(embedder, options)
      }
    return (provider, embedder)
  }
}
