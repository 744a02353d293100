/// The body of a request for embeddings, as OpenAI defines it (openapi.yaml, CreateEmbeddingRequest).
struct EmbeddingsRequest: Encodable {
  enum Encoding: String, Encodable, Sendable {
    /// Little-endian float32 values in base64: less than half of the bytes, and far quicker to read.
    case base64
    case float
    /// The request says nothing of it: LiteLLM refuses the parameter, whatever its value, before some providers.
    case unsaid

    /// What is asked for where a server refuses this.
    var next: Encoding? {
      switch self {
      case .base64: .float
      case .float: .unsaid
      case .unsaid: nil
      }
    }

    /// Whether `other` is asked for where this is refused, at once or later.
    func leads(to other: Encoding) -> Bool { next == other || next?.next == other }
  }

  let model: String
  let input: [String]
  let encodingFormat: Encoding
  let dimensions: Int?

  private enum CodingKeys: String, CodingKey {
    case model, input, dimensions
    case encodingFormat = "encoding_format"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(model, forKey: .model)
    try container.encode(input, forKey: .input)
    if encodingFormat != .unsaid { try container.encode(encodingFormat, forKey: .encodingFormat) }
    try container.encodeIfPresent(dimensions, forKey: .dimensions)
  }
}
