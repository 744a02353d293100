import Backfill

/// What a reply of a status in the 200s says, with its vectors in the order of the texts, each read by its index and by its own
/// JSON type, whatever was asked for: servers exist that ignore `encoding_format` (LM Studio; LiteLLM before Ollama).
struct EmbeddingsReply {
  let vectors: Vectors
  /// The texts, by their index, whose vector can't be used, and why; at least one text has one that can.
  let unusable: [Int: String]
  /// Nil where the reply names none.
  let model: String?
  /// As the reply's body gives them; nil where it doesn't.
  let billedTokens: Int?
  /// Whether no vector told which text it is of, so that order and count are the proof.
  let isPlacedByOrder: Bool
  /// The length of the vectors before they were cut here; nil where that is not done.
  let fullLength: Int?

  /// How a reply broke its contract as a whole.
  struct Broken: Error, Equatable {
    let reason: String
    /// Whether the reply is whole, and the one text that it answers has no vector that can be used.
    var isOfOneText = false
    /// Whether it has another number of vectors than there are texts, or two for one of them.
    var isOfCount = false
  }

  static let tooLong = "it is longer than any reply to this request can be"
}
