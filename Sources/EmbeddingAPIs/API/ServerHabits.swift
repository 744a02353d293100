import Backfill

/// What an embedder learns of its server while it asks, for the rest of its life.
struct ServerHabits: Sendable {
  /// The ways to ask for vectors, the first of which is tried first.
  private let encodings: [VectorEncoding]
  /// How vectors are asked for.
  private(set) var encoding: VectorEncoding
  private(set) var hasAnswered = false
  private var hasTriedBlindly = false
  /// The model that is asked for.
  private let asked: String
  /// The model of the first answer that named one.
  private var pinned: (digest: String, shown: String)?
  /// The last name of the server's own for the model, and as much of it as may be shown.
  var alias: (name: String, shown: String?)?
  private var toldAlias: String?
  /// The length of the vectors that are cut here, as the first answer has it.
  private(set) var fullLength: Int?

  /// - Parameter model: the one that is asked for.
  init(encodings: [VectorEncoding], model: ModelName) {
    self.encodings = encodings
    asked = model.digest
    encoding = encodings.first ?? .unsaid
  }

  /// How to ask again after `encoding` was refused; nil where that is no use.
  ///
  /// A refusal that doesn't name the parameter is tried once more with numbers only before the first answer, and then for
  /// the first request and for single texts alone, so that it costs a bisection nothing.
  mutating func encoding(after refused: VectorEncoding, isNamed: Bool, textCount: Int) -> VectorEncoding? {
    // Another request has found out since this one was sent.
    if does(refused, leadTo: encoding) { return encoding }
    if isNamed { return next(after: refused) }
    guard !hasAnswered, refused == .base64, !hasTriedBlindly || textCount == 1 else { return nil }
    hasTriedBlindly = true
    return next(after: refused)
  }

  /// Takes note of an answer; true where it shows that vectors must be asked for in another way than until now.
  mutating func answered(to asked: VectorEncoding) -> Bool {
    hasAnswered = true
    guard does(encoding, leadTo: asked) else { return false }
    encoding = asked
    return true
  }

  private func next(after refused: VectorEncoding) -> VectorEncoding? {
    encodings.firstIndex(of: refused).flatMap { encodings.dropFirst($0 + 1).first }
  }

  /// Whether `other` is asked for where `refused` is refused, at once or later.
  private func does(_ refused: VectorEncoding, leadTo other: VectorEncoding) -> Bool {
    guard let place = encodings.firstIndex(of: refused) else { return false }
    return encodings.dropFirst(place + 1).contains(other)
  }

  /// Takes note of the length of vectors that are cut here; the first answer's is kept.
  mutating func pin(fullLength length: Int) { fullLength = fullLength ?? length }

  /// Whether nothing was said yet of the server's own name for the model.
  mutating func isNews(alias: String) -> Bool {
    defer { toldAlias = toldAlias ?? alias }
    return toldAlias == nil
  }

  /// The model that an earlier answer named, where this one names another, and what to do; the first one is kept.
  mutating func otherModel(than model: ModelName, shown: String) -> String? {
    let digest = model.digest
    guard let pinned else {
      self.pinned = (digest, shown)
      return nil
    }
    guard pinned.digest != digest else { return nil }
    guard pinned.digest != asked else { return pinned.shown }
    // An alias was taken from the first answer on trust.
    return digest == asked
      ? "\(pinned.shown), a name that nobody asked for: check the rows that have its vectors; once they are gone, or if "
        + "both are the same model, `vecfill ledger forget` the column"
      : "\(pinned.shown): check the base URL, or if both are the same model, `vecfill ledger forget` the column"
  }

  /// The server's own name for the model, by which its answers are taken; nil where it has told none.
  var served: ServedModel? { pinned.map { ServedModel(digest: $0.digest) } }

  /// Takes no answers but those of the model that has answered before.
  mutating func expect(_ model: ServedModel) {
    pinned = pinned ?? (model.digest, model.digest == asked ? "the model that is asked for" : ModelName.hidden)
  }
}
