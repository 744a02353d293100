import Backfill

/// Asks a job's provider for the embeddings of a few harmless texts of vecfill's own, and shows what the answers mean.
struct ProviderCheck {
  let embedder: any Embedder
  let model: Model
  let limits: Job.Limits
  /// The most texts that a run puts into one request.
  var mostTexts = Int.max
  /// The provider's name in the catalogue.
  let catalogueName: String
  /// Whether a run sends no text that may be longer than the model takes.
  var keepsToLimit = true
  /// Takes each finding as it comes.
  let tell: (Finding) -> Void

  private static let harmless = "vecfill"

  /// Returns lines for the catalogue, where a limit was found that it doesn't know.
  func run() async throws -> String? {
    let clock = ContinuousClock()
    let began = clock.now
    let first: EmbeddingReply
    do {
      first = try await embedder.embedWithTries([Self.harmless], as: .document)
    } catch {
      guard error.kind != .cancelled else { throw CancellationError() }
      tell(refusal(error))
      return nil
    }
    let latency = began.duration(to: clock.now)
    for finding in AnswerFindings(model: model, reply: first, latency: latency, limits: limits).all { tell(finding) }
    guard let likeness = try await likeness(to: first) else { return nil }
    let together = TextsTogether(embedder: embedder, likeness: likeness, mostTexts: mostTexts, tell: tell)
    guard try await together.check() else { return nil }
    return try await searchCut(likeness)
  }

  private func refusal(_ error: EmbeddingFailure) -> Finding {
    // The most usual mistake has a remedy of its own.
    if let match = error.reason.firstMatch(of: #/its vector has (\d+) dimensions/#) {
      return .failed(
        "embedding", .configuration,
        "the model's vectors have \(match.1) dimensions, the job asks for \(model.dimensions)",
        next:
          "set dimensions: \(match.1) in the job and use a column of that length; or set send_dimensions: true if the model can shorten its vectors"
      )
    }
    return .failed("embedding", error.failureWithoutAnswer(of: model.provider))
  }

  /// How far the server gives the same text two vectors; nil where that could not be found out.
  private func likeness(to first: EmbeddingReply) async throws -> Likeness? {
    let second: EmbeddingReply
    do {
      second = try await embedder.embedWithTries([Self.harmless], as: .document)
    } catch {
      guard error.kind != .cancelled else { throw CancellationError() }
      tell(.warning("again", "the same text again failed: \(error.summary)", next: "check again"))
      return nil
    }
    let likeness = Likeness(noise: Likeness.distance(first.vectors[0], second.vectors[0]))
    guard likeness.isSteady else {
      tell(
        .warning(
          "again", "the same text twice has two vectors, at a cosine distance of \(likeness.noise.fixed(4))",
          next: "look whether a balancer spreads requests over two models"))
      return nil
    }
    let noise =
      likeness.noise < 1e-6 ? "the same vector" : "nearly the same vector (distance \(likeness.noise.fixed(6)))"
    tell(.ok("again", "the same text has \(noise) again"))
    return likeness
  }

  private func searchCut(_ likeness: Likeness) async throws -> String? {
    var search = CutSearch(known: model.maxInputTokens)
    if search.next != nil {
      let price = model.cost(ofTokens: search.plannedTokens).map(\.dollars) ?? "at an unknown price"
      tell(.ok("cost", "the long texts that follow are \(search.plannedTokens.grouped) tokens at most: \(price)"))
    }
    while let length = search.next {
      do {
        search.note(try await answer(to: CutSearch.pair(at: length), likeness), at: length)
      } catch {
        guard error.kind != .cancelled else { throw CancellationError() }
        tell(
          .warning(
            "long texts", "could not be tried at \(length.grouped) tokens: \(error.summary)", next: "check again later")
        )
        return nil
      }
    }
    tell(search.finding(keepsToLimit: keepsToLimit))
    return search.catalogueEntry(model: model.name, provider: catalogueName)
  }

  /// One text a request: the sum of both could be more than a request may have.
  private func answer(
    to pair: (String, String), _ likeness: Likeness
  ) async throws(EmbeddingFailure) -> CutSearch.Answer {
    do {
      let one = try await embedder.embedWithTries([pair.0], as: .document)
      let other = try await embedder.embedWithTries([pair.1], as: .document)
      let distance = Likeness.distance(one.vectors[0], other.vectors[0])
      return likeness.isSame(distance: distance) ? .same(tokens: one.billedTokens) : .differ
    } catch  where error.kind == .badInput || error.kind == .tooLarge {
      return .refused
    }
  }
}
