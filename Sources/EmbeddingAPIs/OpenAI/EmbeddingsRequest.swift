import Foundation

/// The body of a request for embeddings, as OpenAI defines it (openapi.yaml, CreateEmbeddingRequest).
struct EmbeddingsRequest {
  enum Encoding: String, Sendable {
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

  /// The body in JSON. `JSONEncoder` takes a multiple of the time.
  var json: Data {
    var json = JSONText(byteCount: 256 + input.reduce(0) { $0 + $1.utf8.count + $1.utf8.count / 8 + 4 })
    json.add(verbatim: #"{"model":"#)
    json.add(string: model)
    json.add(verbatim: #","input":["#)
    for (index, text) in input.enumerated() {
      if index > 0 { json.add(verbatim: ",") }
      json.add(string: text)
    }
    json.add(verbatim: "]")
    if encodingFormat != .unsaid { json.add(verbatim: #","encoding_format":"\#(encodingFormat.rawValue)""#) }
    if let dimensions { json.add(verbatim: #","dimensions":\#(dimensions)"#) }
    json.add(verbatim: "}")
    return Data(json.bytes)
  }
}
