import Backfill

/// Whether each text of a request with several gets its own vector, by what each of them gets alone.
struct TextsTogether {
  let embedder: any Embedder
  let likeness: Likeness
  /// The most texts that a run puts into one request.
  let mostTexts: Int
  let tell: (Finding) -> Void

  /// Of different lengths, so that a server that pads or cuts them shows it.
  private static let texts = [
    "vecfill", "a red rose grows in warm rain",
    "the bank lends money at a rate that follows the price of debt, the cost of a fund and the tax on trade",
  ]
  /// Servers round otherwise from one batch to another, in float16 or int8 by no more than this.
  private static let mostNoise = 0.02

  private static let adviceOnModel = "check the base URL and the model"
  private static let adviceOnSize = "set batch_size: 1, or check any proxy or gateway before the model"

  /// Shows what was found; false where vectors are no proof of anything.
  func check() async throws -> Bool {
    var alone: [ArraySlice<Float>] = []
    do {
      for text in Self.texts { alone.append(try await embedder.embedWithTries([text], as: .document).vectors[0]) }
    } catch {
      return try refused(error, asked: "a short text", next: Self.adviceOnModel)
    }
    for (index, vector) in alone.enumerated() {
      guard !alone[..<index].contains(where: { likeness.isSame(distance: Likeness.distance($0, vector)) }) else {
        tell(
          .failed(
            "texts", .badData, "short texts that differ have the same vector",
            next: "look what answers in place of the model, as a cache or a stub; \(Self.adviceOnModel)"))
        return false
      }
    }
    guard mostTexts > 1 else { return true }
    do {
      return compared(try await embedder.embedWithTries(Self.texts, as: .document), alone)
    } catch {
      return try refused(error, asked: "\(Self.texts.count) texts in one request", next: Self.adviceOnSize)
    }
  }

  private func compared(_ reply: EmbeddingReply, _ alone: [ArraySlice<Float>]) -> Bool {
    guard reply.unusable.isEmpty else {
      let why = reply.unusable.min { $0.key < $1.key }?.value ?? ""
      tell(
        .failed(
          "texts", .badData, "\(alone.count) texts in one request: of one of them, \(why)", next: Self.adviceOnSize))
      return false
    }
    var most = 0.0
    for index in alone.indices {
      let distances = alone.map { Likeness.distance(reply.vectors[index], $0) }
      guard distances.indices.allSatisfy({ $0 == index || distances[$0] > distances[index] }) else {
        tell(
          .failed(
            "texts", .badData, "in a request with \(alone.count) texts, text \(index + 1) doesn't get its own vector",
            next: Self.adviceOnSize))
        return false
      }
      most = max(most, distances[index])
    }
    let subject = "\(alone.count) texts in one request get the vectors that they have alone"
    guard most > max(Self.mostNoise, 10 * likeness.noise) else {
      tell(.ok("texts", subject))
      return true
    }
    tell(
      .warning(
        "texts", "\(subject) only nearly, at a cosine distance of up to \(most.fixed(4))",
        next: "compare results with batch_size: 1: the server may pad or cut the texts of a request"))
    return true
  }

  private func refused(_ error: EmbeddingFailure, asked: String, next: String) throws -> Bool {
    guard error.kind != .cancelled else { throw CancellationError() }
    switch error.kind {
    case .brokenReply:
      tell(.failed("texts", .badData, "\(asked): \(error.summary)", next: next))
      return false
    case .badInput, .tooLarge:
      tell(.warning("texts", "\(asked): \(error.summary)", next: next))
    default:
      tell(.warning("texts", "\(asked) could not be tried: \(error.summary)", next: "check again later"))
    }
    return true
  }
}
