/// So many requests and so many tokens.
package struct ShareAmount: Equatable, Sendable, Codable {
  package var requests: Double
  package var tokens: Double

  package init(requests: Double = 0, tokens: Double = 0) {
    self.requests = requests
    self.tokens = tokens
  }

  /// The two parts, each as `body` has it from those of `self` and `other`.
  func with(_ other: ShareAmount, _ body: (Double, Double) -> Double) -> ShareAmount {
    ShareAmount(requests: body(requests, other.requests), tokens: body(tokens, other.tokens))
  }
}
