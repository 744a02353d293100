import Backfill
import Configuration
import EmbeddingAPIs

extension ProviderSettings {
  /// The embedder that these settings describe.
  func embedder(for model: Model) throws -> any Embedder {
    if kind == .local { return LocalEmbedder(dimensions: model.dimensions) }
    let client = try HTTPClient(HTTPClient.Options(timeout: timeout, proxy: proxy?.reveal(), caFile: caFile))
    let options = OpenAIEmbedder.Options(
      endpoint: try endpoint, apiKey: apiKey.map { APIKey($0.reveal()) }, organization: organization,
      project: project, model: model.name, dimensions: model.dimensions, sendsDimensions: sendDimensions,
      asksForBase64: encodingFormat == .base64)
    return try OpenAIEmbedder(options, client: client)
  }

  private var endpoint: Endpoint {
    get throws {
      guard let azure else { return .openAI(baseURL: baseURL) }
      if let version = azure.apiVersion {
        return .azureClassic(endpoint: azure.endpoint, deployment: azure.deployment, apiVersion: version)
      }
      return .azureV1(endpoint: azure.endpoint)
    }
  }
}
