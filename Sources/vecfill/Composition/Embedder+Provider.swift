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
    var options = APIEmbedder.Options(
      endpoint: endpoint, apiKey: apiKey.map { APIKey($0.reveal()) }, model: model.name, dimensions: model.dimensions)
    if let organization { options.headers.append(("OpenAI-Organization", APIKey(organization))) }
    if let project { options.headers.append(("OpenAI-Project", APIKey(project))) }
    if sendDimensions { options.dimensionsField = options.format.dimensionsField }
    if encodingFormat != .base64 { options.encodings = [.float, .unsaid] }
    return try APIEmbedder(options, client: client, notify: notify)
  }

  private var endpoint: Endpoint {
    guard let azure else { return .baseURL(baseURL) }
    return if let version = azure.apiVersion {
      .azureClassic(resource: azure.endpoint, deployment: azure.deployment, apiVersion: version)
    } else {
      .azure(resource: azure.endpoint, deployment: azure.deployment)
    }
  }
}
