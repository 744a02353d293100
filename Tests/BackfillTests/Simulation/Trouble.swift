import Backfill

/// What a text of the simulation makes go wrong, wherever it is read, sent or written.
enum Trouble: String, CaseIterable {
  /// The provider refuses it as an input.
  case refused
  /// The provider answers 500 to it, for good.
  case serverError
  /// The connection is reset.
  case reset
  /// No reply comes in time, and it may be billed.
  case hang
  /// A firewall before the provider answers 403 to it.
  case forbidden
  /// A status that nobody documents.
  case unheardOf
  /// The reply has no usable vector for it, and is billed.
  case noUsableVector
  /// The whole reply can't be read, and is billed.
  case brokenReply
  case unreadable
  case refusedByDatabase
  case takesNoVector

  /// The one that a text names, as in "serverError 17".
  init?(in text: String) {
    let space = UInt8(ascii: " ")
    let word = text.utf8.drop { $0 == space }.prefix { $0 != space }
    guard let trouble = Self.named[Substring(word)] else { return nil }
    self = trouble
  }

  private static let named = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue[...], $0) })

  /// How a request fails whose inputs hold such a text; nil where it is answered all the same.
  var failure: EmbeddingFailure? {
    switch self {
    case .refused: EmbeddingFailure(.badInput, "refused", status: 400)
    case .serverError: EmbeddingFailure(.transient, "EOF", status: 500)
    case .reset: EmbeddingFailure(.transient, "reset")
    case .hang: EmbeddingFailure(.timedOut, "no reply", mayHaveBeenBilled: true)
    case .forbidden: EmbeddingFailure(.forbidden, "html", status: 403)
    case .unheardOf: EmbeddingFailure(.unrecognized, "what", status: 451)
    case .brokenReply: EmbeddingFailure(.brokenReply, "not JSON", status: 200, mayHaveBeenBilled: true)
    case .noUsableVector, .unreadable, .refusedByDatabase, .takesNoVector: nil
    }
  }
}
