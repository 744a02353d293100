/// The body of a request for embeddings, as OpenAI defines it (openapi.yaml, CreateEmbeddingRequest).
struct EmbeddingsRequest: Encodable {
  enum Encoding: String, Encodable {
    /// Little-endian float32 values in base64: less than half of the bytes, and far quicker to read.
    case base64
    case float
  }

  let model: String
  let input: [String]
  let encodingFormat: Encoding
  let dimensions: Int?

  private enum CodingKeys: String, CodingKey {
    case model, input, dimensions
    case encodingFormat = "encoding_format"
  }
}
