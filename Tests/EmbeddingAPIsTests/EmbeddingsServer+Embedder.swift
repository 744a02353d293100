import Backfill
import EmbeddingAPIs
import TestSupport

extension EmbeddingsServer {
  /// An embedder that asks this server, by default as it is asked at OpenAI.
  func embedder(
    _ endpoint: Endpoint? = nil, base64: Bool = true, client: HTTPClient? = nil,
    _ adjust: (inout OpenAIEmbedder.Options) -> Void = { _ in }
  ) throws -> OpenAIEmbedder {
    var options = OpenAIEmbedder.Options(
      endpoint: endpoint ?? .openAI(baseURL: "\(root)/v1"), apiKey: self.options.apiKey.map { APIKey($0) },
      model: self.options.model, dimensions: self.options.dimensions, asksForBase64: base64)
    adjust(&options)
    return try OpenAIEmbedder(options, client: client ?? HTTPClient(.init(proxy: "")))
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
