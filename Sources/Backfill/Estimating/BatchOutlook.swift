/// How long a job takes by a provider's batch API, by what the account may have enqueued at once.
package struct BatchOutlook: Equatable, Sendable {
  /// What the provider's batch API takes.
  package struct Offer: Equatable, Sendable {
    package let file: BatchFileLimits
    /// How long the provider has for a batch.
    package let windowHours: Int
    /// The most tokens that the account may have enqueued; nil where that is unknown.
    package let enqueuedTokens: Int?

    package init(file: BatchFileLimits, windowHours: Int, enqueuedTokens: Int?) {
      self.file = file
      self.windowHours = windowHours
      self.enqueuedTokens = enqueuedTokens
    }
  }

  package let files: Int
  /// How often the account's room for tokens, or for files, is used up, one time after the other.
  package let rounds: Int
  /// Where each round takes an hour, which is common.
  package let leastHours: Double
  /// Where each round takes all the time that the provider has for it.
  package let mostHours: Double

  /// After so many hours nobody waits gladly: a week.
  private static let patience = 168.0

  package init(inputs: Int, bytes: Int, tokens: Int, offer: Offer) {
    func parts(_ whole: Int, _ part: Int) -> Int { whole / max(1, part) + (whole % max(1, part) == 0 ? 0 : 1) }
    files = inputs == 0 ? 0 : max(parts(inputs, offer.file.inputs), parts(bytes, offer.file.bytes))
    rounds = max(
      offer.enqueuedTokens.map { parts(tokens, $0) } ?? parts(files, BatchTerms.mostUnderWay), min(1, files))
    leastHours = Double(rounds)
    mostHours = Double(rounds * offer.windowHours)
  }

  /// Whether requests that take `hours` are sooner done even where each round takes an hour.
  package func isSlower(than hours: Double?) -> Bool { hours.map { leastHours > $0 } ?? false }

  /// Whether it may be longer than people wait.
  package var isLong: Bool { mostHours > BatchOutlook.patience }
}
