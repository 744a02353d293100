import Backfill
import EmbeddingAPIs
import TestSupport

extension EmbeddingsServer {
  /// An embedder that asks this server, by default as it is asked at OpenAI.
  func embedder(
    _ endpoint: Endpoint? = nil, base64: Bool = true, client: HTTPClient? = nil,
    _ adjust: (inout APIEmbedder.Options) -> Void = { _ in }
  ) throws -> APIEmbedder {
    var options = APIEmbedder.Options(
      endpoint: endpoint ?? .baseURL("\(root)/v1"), apiKey: self.options.apiKey.map { APIKey($0) },
      model: self.options.model, dimensions: self.options.dimensions)
    if !base64 { options.encodings = [.float, .unsaid] }
    adjust(&options)
    return try APIEmbedder(options, client: client ?? HTTPClient(.init(proxy: "")))
  }
}

extension Embedder {
  /// Embeds `texts` as texts that are stored.
  func embed(_ texts: [String]) async throws(EmbeddingFailure) -> EmbeddingReply {
    try await embed(texts, as: .document)
  }
}

/// The failure of `body`; nil, which every expectation on it then shows, where it does not fail.
func caught(_ body: () async throws -> EmbeddingReply) async -> EmbeddingFailure? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? EmbeddingFailure
  }
}
