import Backfill
import Configuration
import EmbeddingAPIs

extension ProviderSettings {
  /// The embedder that these settings describe; `notify` is told what it has to do otherwise than they say.
  func embedder(
    for model: Model, notify: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> any Embedder {
    if kind == .local { return LocalEmbedder(dimensions: model.dimensions) }
    let client = try HTTPClient(HTTPClient.Options(timeout: timeout, proxy: proxy?.reveal(), caFile: caFile))
    let options = OpenAIEmbedder.Options(
      endpoint: endpoint, apiKey: apiKey.map { APIKey($0.reveal()) }, organization: organization,
      project: project, model: model.name, dimensions: model.dimensions, sendsDimensions: sendDimensions,
      asksForBase64: encodingFormat == .base64)
    return try OpenAIEmbedder(options, client: client, notify: notify)
  }

  private var endpoint: Endpoint {
    guard let azure else { return .openAI(baseURL: baseURL) }
    return if let version = azure.apiVersion {
      .azureClassic(resource: azure.endpoint, deployment: azure.deployment, apiVersion: version)
    } else {
      .azure(resource: azure.endpoint, deployment: azure.deployment)
    }
  }
}
