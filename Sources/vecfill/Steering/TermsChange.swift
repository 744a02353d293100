import Backfill
import Configuration

/// What `vecfill set` asks for: "rpm=500 budget=none".
enum TermsChange: String, CaseIterable {
  case rpm, tpm, concurrency, budget

  private var parameter: Parameter {
    switch self {
    case .rpm: .requestsPerMinute
    case .tpm: .tokensPerMinute
    case .concurrency: .concurrency
    case .budget: .budget
    }
  }

  /// Throws a `Failure` where one of `words` is wrong for any run.
  static func check(_ words: [String]) throws(Failure) {
    _ = try apply(words, to: Terms(limits: Job.Limits(), concurrency: 1, budget: nil), hasPrice: true)
  }

  /// The terms with all of `words` in them, and what is different, in words; nothing is taken where one of them is wrong.
  ///
  /// - Parameter hasPrice: whether a budget can be kept.
  static func apply(
    _ words: [String], to terms: Terms, hasPrice: Bool
  ) throws(Failure) -> (terms: Terms, told: String) {
    var changed = terms
    var told: [String] = []
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, let change = TermsChange(rawValue: parts[0]) else {
        throw Failure(.usage, "vecfill set", "takes rpm=, tpm=, concurrency= or budget= with a number or none")
      }
      guard change != .budget || hasPrice || parts[1] == "none" else {
        throw Failure(.usage, "budget", "can't be kept: the model's price is unknown")
      }
      let before = change.text(terms)
      try change.set(parts[1], &changed)
      told.append("\(change.rawValue)=\(change.text(changed)) (was \(before))")
    }
    guard !told.isEmpty else {
      throw Failure(.usage, "vecfill set", "nothing is given to set", remedy: "e.g. `vecfill set rpm=500`")
    }
    return (changed, "set " + told.joined(separator: ", "))
  }

  private func text(_ terms: Terms) -> String {
    switch self {
    case .rpm: terms.limits.requestsPerMinute?.grouped ?? "none"
    case .tpm: terms.limits.tokensPerMinute?.grouped ?? "none"
    case .concurrency: terms.concurrency.grouped
    case .budget: terms.budget?.usd.dollars ?? "none"
    }
  }

  private func set(_ text: String, _ terms: inout Terms) throws(Failure) {
    let allowed = parameter.definition.allowed
    let value = allowed.value(of: text)
    func refuse() throws(Failure) {
      let none = self == .concurrency ? "" : ", or none"
      throw Failure(.usage, "vecfill set", "\(rawValue) must be \(allowed)\(none)")
    }
    switch (self, value) {
    case (.rpm, .integer(let number)): terms.limits.requestsPerMinute = number
    case (.tpm, .integer(let number)): terms.limits.tokensPerMinute = number
    case (.concurrency, .integer(let number)): terms.concurrency = number
    case (.budget, .number(let number)): terms.budget = Job.Budget(usd: number)
    case (.rpm, _) where text == "none": terms.limits.requestsPerMinute = nil
    case (.tpm, _) where text == "none": terms.limits.tokensPerMinute = nil
    case (.budget, _) where text == "none": terms.budget = nil
    default: try refuse()
    }
  }
}
