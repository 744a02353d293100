import Backfill

/// What is needed to call a provider; its secrets never print.
package struct ProviderSettings: Hashable, Sendable {
  /// How its requests and replies look.
  package enum Format: String, CaseIterable, Sendable {
    /// OpenAI's `/embeddings`, or any server that speaks it.
    case openai
    /// OpenAI's, at Azure's addresses.
    case azure
    /// Cohere's `/v2/embed`.
    case cohere
    /// Gemini's `batchEmbedContents`.
    case gemini
    /// Ollama's `/api/embed`.
    case ollama
    /// Text Embeddings Inference's `/embed`.
    case tei
    /// The deterministic offline embedder.
    case demo
  }

  /// How vectors are asked for.
  package enum Encoding: String, CaseIterable, Sendable {
    case base64, float
    /// The request says nothing of it.
    case unsaid = "none"
  }

  /// How a provider calls what every request may say.
  package struct FieldNames: Hashable, Sendable {
    /// nil where the provider takes no dimensions.
    package var dimensions: String? = "dimensions"
    package var encodingFormat = "encoding_format"

    package init() {}
  }

  /// The header that carries the key, e.g. `Authorization: Bearer KEY`.
  package struct KeyHeader: Hashable, Sendable {
    package let name: String
    /// What stands before the key, e.g. "Bearer "; often nothing.
    package let scheme: String

    static let bearer = KeyHeader(name: "Authorization", scheme: "Bearer ")
  }

  package struct Header: Hashable, Sendable {
    package let name: String
    package let value: Secret
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

  /// The catalogue's name of it.
  package let name: String
  package let format: Format
  /// Where its API is, without a "/" at its end; empty for `azure` and `demo`.
  package let baseURL: String
  /// nil where none is set and none is required, and where the one that is set is not for this host.
  package let key: Secret?
  package let keyHeader: KeyHeader
  package let organization: String?
  package let project: String?
  /// Set exactly where `format` is `azure`.
  package let azure: Azure?
  package let names: FieldNames
  /// The fields of every request.
  package let send: [String: JSONValue]
  /// The fields of a request for stored texts.
  package let document: [String: JSONValue]
  /// The fields of a request for the words of a search.
  package let query: [String: JSONValue]
  /// The fields that the job adds to every request; they win over the others.
  package let body: [String: JSONValue]
  /// The headers that the job adds; none is the key's.
  package let headers: [Header]
  /// At least one, in the order in which they are tried.
  package let encodings: [Encoding]
  /// Where a reply reports the billed tokens, names from the outside in with dots between; nil for the format's own place.
  package let usage: String?
  /// Whether requests name the dimensions.
  package let sendsDimensions: Bool
  package let cut: VectorCut
  /// nil where it has no batch API that is spoken here.
  package let batch: CatalogueBatch?
  /// The names of all providers with a batch API.
  package let batchProviders: [String]
  package let timeout: Duration
  /// An absolute path; nil for the system's certificates.
  package let caFile: String?
  /// nil leaves the proxy to libcurl and its variables.
  package let proxy: Secret?

  /// The fields of every request, those of its role in their place, and the job's in the place of both.
  static func fields(
    _ send: [String: JSONValue], _ ofRole: [String: JSONValue], _ body: [String: JSONValue]
  ) -> [String: JSONValue] {
    send.merging(ofRole) { $1 }.merging(body) { $1 }
  }
}
