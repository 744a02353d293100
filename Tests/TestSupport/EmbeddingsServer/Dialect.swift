import Backfill
import Foundation

extension EmbeddingsServer {
  /// An API that the server speaks, by the path that it is asked at, with what is peculiar to it.
  package enum Dialect: String, CaseIterable, Sendable {
    case openAI, azure, azureClassic
    /// The vectors' form is named `embedding_type`.
    case jina
    /// Refuses `encoding_format: float`, tells the total of tokens alone, and cuts long texts unless it is told not to.
    case voyage
    /// Takes ten inputs at most.
    case dashScope
    /// Refuses a request without `input_type`.
    case nim
    /// Sends numbers whatever is asked for.
    case lmStudio
    /// Hands its provider's headers on under names of its own.
    case liteLLM
    /// Refuses base64, leaves the first index out, and tells no tokens.
    case geminiOpenAI
    /// Cuts long texts in silence.
    case ollamaOpenAI
    case cohere, gemini, ollama, tei

    /// How its requests and replies look.
    package enum Shape: Sendable {
      case openAI, cohere, gemini, ollama, tei
    }

    package var shape: Shape {
      switch self {
      case .cohere: .cohere
      case .gemini: .gemini
      case .ollama: .ollama
      case .tei: .tei
      default: .openAI
      }
    }

    /// What the base URL has behind the server's root.
    package var basePath: String {
      switch self {
      case .openAI: "/v1"
      case .azure, .azureClassic, .cohere, .ollama, .tei: ""
      case .gemini: "/v1beta"
      case .geminiOpenAI: "/v1beta/openai"
      case .dashScope: "/compatible-mode/v1"
      case .jina, .voyage, .nim, .lmStudio, .liteLLM, .ollamaOpenAI: "/\(rawValue.lowercased())/v1"
      }
    }

    /// The dialect of a path; nil for a path that is none of them.
    init?(path: String, _ options: Options) {
      let dialect = Dialect.allCases.first { path == $0.path(options) }
      guard let dialect else { return nil }
      self = dialect
    }

    private func path(_ options: Options) -> String {
      switch self {
      case .azure: "/openai/v1/embeddings"
      case .azureClassic: "/openai/deployments/\(options.deployment)/embeddings"
      case .cohere: "/v2/embed"
      case .gemini: "/v1beta/models/\(options.model):batchEmbedContents"
      case .ollama: "/api/embed"
      case .tei: "/embed"
      default: basePath + "/embeddings"
      }
    }

    /// The member that holds the texts.
    var textsField: String {
      switch shape {
      case .openAI, .ollama: "input"
      case .cohere: "texts"
      case .gemini: "requests"
      case .tei: "inputs"
      }
    }

    /// The most inputs of a request, where that is the provider's own number.
    package var maxInputs: Int? {
      switch self {
      case .cohere: 96
      case .gemini, .geminiOpenAI: 100
      case .dashScope: 10
      case .tei: 32
      case .voyage: 1_000
      default: nil
      }
    }

    /// Whether a text that is too long is cut and not refused.
    func cuts(_ order: Order) -> Bool {
      switch self {
      case .ollamaOpenAI: true
      case .voyage: order.fields["truncation"] != .boolean(false)
      case .ollama, .tei: order.fields["truncate"] != .boolean(false)
      case .cohere: order.fields["truncate"] != .string("NONE")
      default: false
      }
    }

    /// Whether vectors come in base64.
    func encodes(_ order: Order) -> Bool {
      switch self {
      case .lmStudio, .gemini, .ollama, .tei: false
      default: order.asksForBase64
      }
    }

    /// The key that a request has.
    func key(_ headers: [String: String]) -> String? {
      switch self {
      case .azure, .azureClassic: headers["api-key"]
      case .gemini: headers["x-goog-api-key"]
      default: headers["authorization"].flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
      }
    }
  }
}
