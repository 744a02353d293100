import Backfill
import Foundation

/// What a reply of status 200 says, with its vectors in the order of the texts.
struct EmbeddingsReply {
  let vectors: Vectors
  /// The texts, by their index, whose vector can't be used, and why; at least one text has one that can.
  let unusable: [Int: String]
  /// Nil where the reply names none.
  let model: String?
  /// `usage.prompt_tokens`, or `total_tokens` where only that is told (Voyage).
  let promptTokens: Int?

  /// How a reply broke its contract as a whole.
  struct Broken: Error, Equatable {
    let reason: String
    /// Whether the reply is whole, and the one text that it answers has no vector that can be used.
    var isOfOneText = false
  }

  /// Reads the reply to `count` texts, each vector by its `index` and by its own JSON type, whatever was asked for:
  /// servers exist that ignore `encoding_format` (LM Studio; LiteLLM before Ollama).
  init(_ body: Data, count: Int, dimensions: Int) throws(Broken) {
    var reader = EmbeddingsReplyReader(count: count, dimensions: dimensions)
    do {
      try body.withUnsafeBytes { bytes in
        var scanner = try JSONScanner(bytes)
        try reader.read(&scanner)
        try scanner.end()
      }
    } catch let broken as Broken {
      throw broken
    } catch {
      throw Broken(reason: "it is not the JSON of a reply with embeddings")
    }
    let places = try reader.places()
    (vectors, unusable) = try reader.vectors(at: places)
    model = reader.model.flatMap { $0.isEmpty ? nil : $0 }
    promptTokens = reader.promptTokens ?? reader.totalTokens
  }
}
