import Backfill
import EmbeddingAPIs
import TestSupport

extension EmbeddingsServer.Dialect {
  /// The dialects whose replies tell which text a vector is of by order alone.
  static let withoutIndex = allCases.filter { $0.shape != .openAI }

  var format: WireFormat {
    switch shape {
    case .openAI: .openAI
    case .cohere: .cohere
    case .gemini: .gemini
    case .ollama: .ollama
    case .tei: .tei
    }
  }

  /// What an embedder is told of a server that speaks so, as the catalogue tells it of providers.
  func options(of server: EmbeddingsServer) -> APIEmbedder.Options {
    let endpoint: Endpoint =
      switch self {
      case .azure: .azure(resource: server.root, deployment: server.options.deployment)
      case .azureClassic: .azureClassic(resource: server.root, deployment: server.options.deployment)
      default: .baseURL(server.root + basePath)
      }
    var options = APIEmbedder.Options(
      format: format, endpoint: endpoint, apiKey: server.options.apiKey.map { APIKey($0) },
      model: server.options.model, dimensions: server.options.dimensions)
    switch self {
    case .jina:
      options.encodingField = "embedding_type"
      options.fields = ["truncate": .boolean(false)]
      (options.documentFields, options.queryFields) = role("task", "retrieval.passage", "retrieval.query")
      options.usage = "usage.total_tokens"
    case .voyage:
      options.fields = ["truncation": .boolean(false)]
      (options.documentFields, options.queryFields) = role("input_type", "document", "query")
      options.usage = "usage.total_tokens"
    case .nim:
      (options.documentFields, options.queryFields) = role("input_type", "passage", "query")
    case .gemini:
      (options.documentFields, options.queryFields) = role("taskType", "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY")
    default: break
    }
    return options
  }

  private func role(
    _ field: String, _ document: String, _ query: String
  ) -> ([String: JSONValue], [String: JSONValue]) {
    ([field: .string(document)], [field: .string(query)])
  }

  /// The tokens that a reply tells of `count`; nil where this API tells none.
  func told(_ count: Int) -> Int? { self == .gemini || self == .geminiOpenAI ? nil : count }
}

extension EmbeddingsServer {
  /// An embedder that asks this server in `dialect`.
  func embedder(
    in dialect: Dialect, told: Watched<[String]>? = nil, _ adjust: (inout APIEmbedder.Options) -> Void = { _ in }
  ) throws -> APIEmbedder {
    var options = dialect.options(of: self)
    adjust(&options)
    return try APIEmbedder(
      options, client: HTTPClient(.init(proxy: "")), notify: { line in told?.update { $0.append(line) } })
  }
}
