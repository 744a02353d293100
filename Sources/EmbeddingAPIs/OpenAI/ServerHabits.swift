/// What an embedder learns of its server while it asks, for the rest of its life.
struct ServerHabits: Sendable {
  /// How vectors are asked for.
  private(set) var encoding: EmbeddingsRequest.Encoding
  private var hasAnswered = false
  private var hasTriedBlindly = false
  /// The model of the first answer that named one.
  private var pinned: (model: ModelName, shown: String)?

  init(encoding: EmbeddingsRequest.Encoding) {
    self.encoding = encoding
  }

  /// How to ask again after `encoding` was refused; nil where that is no use.
  ///
  /// A refusal that doesn't name the parameter is tried once more with numbers only before the first answer, and then for
  /// the first request and for single texts alone, so that it costs a bisection nothing.
  mutating func encoding(after refused: EmbeddingsRequest.Encoding, isNamed: Bool, textCount: Int) -> EmbeddingsRequest
    .Encoding?
  {
    // Another request has found out since this one was sent.
    if refused.leads(to: encoding) { return encoding }
    if isNamed { return refused.next }
    guard !hasAnswered, refused == .base64, !hasTriedBlindly || textCount == 1 else { return nil }
    hasTriedBlindly = true
    return refused.next
  }

  /// Takes note of an answer; true where it shows that vectors must be asked for in another way than until now.
  mutating func answered(to asked: EmbeddingsRequest.Encoding) -> Bool {
    hasAnswered = true
    guard encoding.leads(to: asked) else { return false }
    encoding = asked
    return true
  }

  /// The model that an earlier answer named, where this one names another; the first one is kept.
  mutating func otherModel(than model: ModelName, shown: String) -> String? {
    guard let pinned else {
      self.pinned = (model, shown)
      return nil
    }
    return pinned.model == model ? nil : pinned.shown
  }
}
