import Foundation

/// How a run uses the provider's batch API.
package struct BatchTerms: Equatable, Sendable {
  /// What a million tokens cost in a batch, in dollars; nil where the price is unknown.
  package var usdPerMillionTokens: Double?
  /// The most tokens that the account may have enqueued; nil where that is unknown.
  package var enqueuedTokens: Int?
  /// Whether rows are submitted. Without it what earlier runs have submitted is fetched and written, and no more. The
  /// default is true.
  package var submits = true
  /// Whether the run waits until the provider has answered. The default is false: it ends, and a later run goes on.
  package var waits = false

  package init(usdPerMillionTokens: Double?, enqueuedTokens: Int? = nil, submits: Bool = true, waits: Bool = false) {
    self.usdPerMillionTokens = usdPerMillionTokens
    self.enqueuedTokens = enqueuedTokens
    self.submits = submits
    self.waits = waits
  }

  /// The price of `tokens` in dollars; nil where it is unknown.
  package func cost(ofTokens tokens: Int) -> Double? {
    usdPerMillionTokens.map { $0 * Double(tokens) / 1_000_000 }
  }

  /// So many batches are under way at most where nobody says how many tokens the account may have enqueued.
  package static let mostUnderWay = 50

  /// After so many days a provider deletes what a batch has brought.
  package static let daysKept = 30
  /// From then on `status` warns of a batch that nobody has fetched.
  package static let daysUntilWarning = 20
}
