import Backfill
import Configuration
import EmbeddingAPIs

extension ProviderSettings {
  /// The embedder that these settings describe; `notify` is told what it has to do otherwise than they say.
  ///
  /// - Parameter doubtsRepeats: whether a reply that has an earlier one's vectors for other texts is broken.
  func embedder(
    for model: Model, doubtsRepeats: Bool = false, notify: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> any Embedder {
    if format == .demo { return LocalEmbedder(dimensions: model.dimensions) }
    return try apiEmbedder(for: model, doubtsRepeats: doubtsRepeats, notify: notify)
  }

  /// The embedder of a provider with an API.
  func apiEmbedder(
    for model: Model, doubtsRepeats: Bool = false, notify: @escaping @Sendable (String) -> Void
  ) throws -> APIEmbedder {
    let client = try HTTPClient(HTTPClient.Options(timeout: timeout, proxy: proxy?.reveal(), caFile: caFile))
    var options = options(for: model)
    options.doubtsRepeats = doubtsRepeats
    return try APIEmbedder(options, client: client, notify: notify)
  }

  private func options(for model: Model) -> APIEmbedder.Options {
    var options = APIEmbedder.Options(
      format: wireFormat, endpoint: endpoint, apiKey: key.map { APIKey($0.reveal()) }, model: model.name,
      dimensions: model.dimensions)
    options.keyHeader = EmbeddingAPIs.KeyHeader(name: keyHeader.name, scheme: keyHeader.scheme)
    if let organization { options.headers.append(("OpenAI-Organization", APIKey(organization))) }
    if let project { options.headers.append(("OpenAI-Project", APIKey(project))) }
    options.headers += headers.map { ($0.name, APIKey($0.value.reveal())) }
    options.dimensionsField = sendsDimensions ? names.dimensions : nil
    if [.openai, .azure].contains(format) { options.encodingField = names.encodingFormat }
    options.encodings = encodings.map { encoding in
      switch encoding {
      case .base64: .base64
      case .float: .float
      case .unsaid: .unsaid
      }
    }
    options.fields = send
    options.documentFields = document
    options.queryFields = query
    options.body = body
    options.usage = usage
    options.cutsLocally = cut == .local
    return options
  }

  private var wireFormat: WireFormat {
    switch format {
    case .openai, .azure, .demo: .openAI
    case .cohere: .cohere
    case .gemini: .gemini
    case .ollama: .ollama
    case .tei: .tei
    }
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
