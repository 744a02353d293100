import Backfill

/// What an answer to a harmless text shows of the provider.
struct AnswerFindings {
  let model: Model
  let reply: EmbeddingReply
  let latency: Duration
  /// The job's own ceilings.
  let limits: Job.Limits

  var all: [Finding] { [embedding, norm, told] }

  private var embedding: Finding {
    let alias = reply.modelAlias.map { ", which calls itself \($0)," } ?? ""
    let billed = reply.billedTokens.map { "tokens billed: \($0.grouped)" } ?? "the tokens billed are not reported"
    return .ok(
      "embedding",
      "\(model.name)\(alias) answers in \(latency.brief): \(reply.vectors.dimensions) dimensions, \(billed)")
  }

  private var norm: Finding {
    let squares = reply.vectors[0].reduce(0.0) { $0 + Double($1) * Double($1) }
    let norm = squares.squareRoot()
    guard abs(norm - 1) > 0.01 else { return .ok("norm", "normalised: its vectors have length 1") }
    return .warning(
      "norm", "not normalised: this vector has length \(norm.fixed(3))",
      next: "search by cosine distance (<=>), as `vecfill search` does; inner products would mislead")
  }

  private var told: Finding {
    let hints = reply.rateLimits
    let parts = [
      hints.requestLimit.map { "\($0.grouped) requests/min" }, hints.tokenLimit.map { "\($0.grouped) tokens/min" },
    ].compactMap(\.self)
    guard !parts.isEmpty else {
      let own = [
        limits.requestsPerMinute.map { "\($0.grouped) requests/min" },
        limits.tokensPerMinute.map { "\($0.grouped) tokens/min" },
      ].compactMap(\.self).joined(separator: ", ")
      return .ok("limits", "its headers show none; \(own.isEmpty ? "the job sets none" : "the job's own hold: \(own)")")
    }
    let tighter = [(limits.requestsPerMinute, hints.requestLimit), (limits.tokensPerMinute, hints.tokenLimit)]
      .contains { own, told in own.flatMap { own in told.map { own > $0 } } ?? false }
    return .ok(
      "limits", "\(parts.joined(separator: ", "))\(tighter ? ": less than the job's own, and a run keeps to it" : "")")
  }
}
