/// What earlier runs have used of the limits a minute, and what they were told of them: a restart forgets neither.
package struct EarlierUse: Equatable, Sendable {
  /// A request that was sent, answered or not.
  package struct Request: Equatable, Sendable {
    /// How long before this run it was sent.
    package let age: Duration
    /// As they were counted before it was sent.
    package let tokens: Int

    package init(age: Duration, tokens: Int) {
      self.age = age
      self.tokens = tokens
    }
  }

  /// The requests of the last minute, the oldest first.
  package var requests: [Request]
  /// The limits that the provider told within the last minute.
  package var told: Job.Limits
  /// The tokens that the job's last run was billed for one that was estimated; nil where none told.
  package var billedPerCounted: Double?

  package init(requests: [Request] = [], told: Job.Limits = Job.Limits(), billedPerCounted: Double? = nil) {
    self.requests = requests
    self.told = told
    self.billedPerCounted = billedPerCounted
  }
}
