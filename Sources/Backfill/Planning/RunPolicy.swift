/// How a run goes about its job: what may differ from run to run without making other vectors.
package struct RunPolicy: Equatable, Sendable {
  /// How long requests in flight may take to end after a stop was asked for. The default is 20 s.
  package var grace: Duration
  package var retry: RetryPolicy
  /// The most rows in quarantine with which a run still counts as complete. The default is 0.
  package var maxQuarantined: Int
  /// After so many rows with a vector of an earlier text a run has done enough of them: with `--follow`, where another
  /// round follows and new rows come first. nil, the default: no round follows, and there is no bound.
  package var mostEdited: Int?

  /// The default is none.
  package var bounds = Bounds()
  /// The default is `quarantined`.
  package var failOn = FailOn.quarantined

  package init(grace: Duration = .seconds(20), retry: RetryPolicy = RetryPolicy(), maxQuarantined: Int = 0) {
    self.grace = grace
    self.retry = retry
    self.maxQuarantined = maxQuarantined
  }
}
