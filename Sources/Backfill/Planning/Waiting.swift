/// Why a run sends nothing just now. Its raw value is the code by which events, `status --json` and metrics name it.
package enum Waiting: String, Equatable, Sendable, Encodable, CaseIterable {
  /// The next request would pass the rate.
  case rate
  /// The provider asked to wait.
  case hold
  /// A failed request waits for its next try, and there is nothing else to send.
  case retry
  /// The provider fails every request; one at a time asks whether it is over.
  case outage
  /// The next request waits for what those in flight will have cost.
  case budget

  /// Nothing is left but rows that other transactions hold.
  case locks
  /// The database writes, and there is nothing to send meanwhile.
  case writing
  /// The database reads, and there is nothing to send meanwhile.
  case reading

  /// The provider's batches are looked at, fetched or waited for.
  case batch

  /// `vecfill pause`.
  case paused
  /// It is outside of the job's hours.
  case hours
  /// A bound of the job's `gentle` is passed.
  case gentle

  /// As a person reads it.
  package var words: String {
    switch self {
    case .rate: "rate limit"
    case .hold: "the provider asked to wait"
    case .retry: "the next try of a failed request"
    case .outage: "the provider is down"
    case .budget: "budget"
    case .locks: "rows that other transactions hold"
    case .writing: "the database, writing"
    case .reading: "the database, reading"
    case .batch: "the provider's batches"
    case .paused: "paused"
    case .hours: "outside its hours"
    case .gentle: "gentle"
    }
  }

  /// Whether nothing new may be begun, for a reason that a run shows in words of its own.
  package var isHeld: Bool { [.paused, .hours, .gentle].contains(self) }

  /// Whether it is the provider's state, or a person's wish, and not the usual rate.
  package var isThrottling: Bool { [.hold, .retry, .outage, .paused, .hours, .gentle].contains(self) }
}
