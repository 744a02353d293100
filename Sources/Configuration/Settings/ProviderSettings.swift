/// What is needed to call a provider; its secrets never print.
package struct ProviderSettings: Hashable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// OpenAI's API, or any server that speaks it.
    case openai
    case azure
    /// The deterministic offline embedder.
    case local
  }

  package enum EncodingFormat: String, CaseIterable, Sendable {
    case base64, float
  }

  package struct Azure: Hashable, Sendable {
    /// Without a "/" at its end, e.g. "https://res.openai.azure.com".
    package let endpoint: String
    package let deployment: String
    /// The classic URL's `api-version`; nil selects the v1 URL.
    package let apiVersion: String?
  }

  package static let openAIBaseURL = "https://api.openai.com/v1"

  /// In seconds. A request that is given up may still be billed, so it is long.
  static let standardTimeout = 120

  package let kind: Kind
  /// Where an OpenAI-compatible API is, without a "/" at its end.
  package let baseURL: String
  /// The key of `kind`; nil where none is set and none is required.
  package let apiKey: Secret?
  package let organization: String?
  package let project: String?
  /// Set exactly where `kind` is `azure`.
  package let azure: Azure?
  package let encodingFormat: EncodingFormat
  /// Whether requests name the dimensions.
  package let sendDimensions: Bool
  package let timeout: Duration
  /// An absolute path; nil for the system's certificates.
  package let caFile: String?
  /// nil leaves the proxy to libcurl and its variables.
  package let proxy: Secret?
}
