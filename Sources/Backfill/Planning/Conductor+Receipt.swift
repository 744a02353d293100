extension Conductor {
  /// What a reply cost, and how long it took.
  package struct Receipt: Equatable, Sendable {
    package let billedTokens: Int
    /// Whether the reply reported them. Otherwise they are the tokens that were counted before.
    package let tellsTokens: Bool
    /// The tokens that the budget counts: more where nobody knows what was billed.
    package let spentTokens: Int
    package let rateLimits: RateLimitHints
    /// How long the provider took, without any wait of our own.
    package let latency: Duration
    /// The inputs, by their index, that got no usable vector, and why.
    package let unusable: [Int: String]

    package init(
      billedTokens: Int, tellsTokens: Bool = true, spentTokens: Int? = nil,
      rateLimits: RateLimitHints = RateLimitHints(), latency: Duration,
      unusable: [Int: String] = [:]
    ) {
      self.billedTokens = billedTokens
      self.tellsTokens = tellsTokens
      self.spentTokens = spentTokens ?? billedTokens
      self.rateLimits = rateLimits
      self.latency = latency
      self.unusable = unusable
    }
  }
}
