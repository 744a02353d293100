import Backfill
import Configuration
import EmbeddingAPIs

extension ProviderSettings {
  /// The embedder that these settings describe; `notify` is told what it has to do otherwise than they say.
  func embedder(
    for model: Model, notify: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> any Embedder {
    if format == .demo { return LocalEmbedder(dimensions: model.dimensions) }
    guard isSpoken else {
      throw Failure(
        .configuration, "provider \(name)", "can't be called yet with these settings",
        remedy: "\(format.rawValue)'s format, added fields, headers and cut: local come with the next version")
    }
    let client = try HTTPClient(HTTPClient.Options(timeout: timeout, proxy: proxy?.reveal(), caFile: caFile))
    let options = OpenAIEmbedder.Options(
      endpoint: endpoint, apiKey: key.map { APIKey($0.reveal()) }, organization: organization,
      project: project, model: model.name, dimensions: model.dimensions, sendsDimensions: sendsDimensions,
      asksForBase64: encodings.first == .base64)
    return try OpenAIEmbedder(options, client: client, notify: notify)
  }

  /// Whether `OpenAIEmbedder` says all that these settings ask for: what it leaves out would make other vectors.
  private var isSpoken: Bool {
    guard [.openai, .azure].contains(format), cut == .provider, headers.isEmpty, encodings.first != .unsaid,
      fields(for: .document).isEmpty, fields(for: .query).isEmpty
    else { return false }
    let ownNames = FieldNames()
    return (!sendsDimensions || names.dimensions == ownNames.dimensions)
      && names.encodingFormat == ownNames.encodingFormat
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
