import Backfill

extension RateLimitHints {
  /// Reads `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, and `-project-tokens` where the project has its
  /// own; the tighter of two is taken. LiteLLM hands its provider's headers on with a prefix, which count as well.
  ///
  /// Azure sends bare seconds and sometimes -1 or 0 for a limit that it does not tell; LiteLLM a negative rest where a
  /// limit is overdrawn.
  init(_ headers: HTTPHeaders) {
    self.init()
    let requests = Family(headers, "requests")
    let tokens = Family(headers, "tokens").tightened(by: Family(headers, "project-tokens"))
    (requestLimit, requestsRemaining, requestsReset) = (requests.limit, requests.remaining, requests.reset)
    (tokenLimit, tokensRemaining, tokensReset) = (tokens.limit, tokens.remaining, tokens.reset)
  }

  /// The lower of these limits and another's.
  func tightened(by other: RateLimitHints) -> RateLimitHints {
    var hints = self
    hints.requestLimit = [requestLimit, other.requestLimit].compactMap(\.self).min()
    hints.tokenLimit = [tokenLimit, other.tokenLimit].compactMap(\.self).min()
    return hints
  }
}

private struct Family {
  var limit: Int?
  var remaining: Int?
  var reset: Duration?

  init(_ headers: HTTPHeaders, _ name: String) {
    func value(_ kind: String) -> String? {
      headers["x-ratelimit-\(kind)-\(name)"] ?? headers["llm_provider-x-ratelimit-\(kind)-\(name)"]
    }
    let limit = value("limit").flatMap { Int($0) }
    // A limit that is told as none, -1 or 0 stands for an unknown one, and so does what is said to be left of it.
    guard limit.map({ $0 > 0 }) ?? true else { return }
    self.limit = limit
    remaining = value("remaining").flatMap { Int($0) }.flatMap { $0 == -1 ? nil : max(0, $0) }
    // Some tell a time in seconds since 1970.
    reset = value("reset").flatMap { ProviderDuration.parse($0) }.flatMap {
      $0 < ProviderDuration.longest ? $0 : nil
    }
  }

  func tightened(by other: Family) -> Family {
    var family = self
    family.limit = [limit, other.limit].compactMap(\.self).min()
    family.remaining = [remaining, other.remaining].compactMap(\.self).min()
    family.reset = [reset, other.reset].compactMap(\.self).max()
    return family
  }
}
