/// Why a run sends nothing just now.
package enum Waiting: String, Equatable, Sendable, Encodable {
  /// The next request would pass the rate.
  case rate = "rate limit"
  /// The provider asked to wait.
  case hold = "the provider asked to wait"
  /// A failed request waits for its next try, and there is nothing else to send.
  case retry = "the next try of a failed request"
  /// The provider fails every request; one at a time asks whether it is over.
  case outage = "the provider is down"
  /// The next request waits for what those in flight will have cost.
  case budget = "budget"

  /// Nothing is left but rows that other transactions hold.
  case locks = "rows that other transactions hold"
  /// The database writes, and there is nothing to send meanwhile.
  case writing = "the database, writing"
  /// The database reads, and there is nothing to send meanwhile.
  case reading = "the database, reading"

  /// `vecfill pause`.
  case paused
  /// It is outside of the job's hours.
  case hours = "outside its hours"
  /// A bound of the job's `gentle` is passed.
  case gentle

  /// Whether nothing new may be begun, for a reason that a run shows in words of its own.
  package var isHeld: Bool { [.paused, .hours, .gentle].contains(self) }

  /// Whether it is the provider's state, or a person's wish, and not the usual rate.
  package var isThrottling: Bool { [.hold, .retry, .outage, .paused, .hours, .gentle].contains(self) }
}
