import Backfill
import Foundation

extension JobConfiguration {
  /// What is needed to call the provider; throws where the key or the endpoint that it requires is missing.
  ///
  /// Provider `openai` requires a key only for OpenAI's own API: many servers that speak it have none.
  package func provider() throws(Failure) -> ProviderSettings {
    let kind: ProviderSettings.Kind = values.choice(.provider) ?? .openai
    let key: Secret? =
      switch kind {
      case .openai: try isOpenAI ? required(.openAIKey, for: "OpenAI's API") : values.secret(.openAIKey)
      case .azure: try required(.azureKey, for: "provider azure")
      case .local: nil
      }
    return ProviderSettings(
      kind: kind, baseURL: baseURL, apiKey: key, organization: values.text(.organization),
      project: values.text(.project), azure: kind == .azure ? try azure() : nil,
      encodingFormat: values.choice(.encodingFormat) ?? .base64,
      sendDimensions: values.boolean(.sendDimensions) ?? false,
      timeout: .seconds(values.integer(.timeout) ?? ProviderSettings.standardTimeout),
      caFile: values.text(.caFile).map(process.absolute), proxy: values.secret(.proxy))
  }

  private var baseURL: String {
    (values.text(.baseURL) ?? ProviderSettings.openAIBaseURL).withoutTrailingSlashes
  }

  private var isOpenAI: Bool {
    let host = URLComponents(string: baseURL)?.host?.lowercased() ?? ""
    return host == "api.openai.com" || host.hasSuffix(".api.openai.com")
  }

  private func azure() throws(Failure) -> ProviderSettings.Azure {
    guard let endpoint = values.text(.endpoint) else {
      throw Failure(
        .configuration, Parameter.endpoint.definition.variable ?? "endpoint", "is not set, and provider azure needs it",
        remedy: "set it, or endpoint: in the job spec, to the resource's URL")
    }
    let model = try model().name
    return ProviderSettings.Azure(
      endpoint: endpoint.withoutTrailingSlashes, deployment: values.text(.deployment) ?? model,
      apiVersion: values.text(.apiVersion))
  }
}

extension String {
  fileprivate var withoutTrailingSlashes: String {
    var text = self
    while text.hasSuffix("/") { text.removeLast() }
    return text
  }
}
