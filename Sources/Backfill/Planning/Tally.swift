/// The counts of a run.
package struct Tally: Equatable, Sendable, Codable {
  /// Rows without a vector when the run began, blank and quarantined ones included; nil until it is known.
  package var total: Int?
  package var written = 0
  /// Rows with a blank or NULL text, by the last sweep of each source.
  package var excluded = 0
  /// Whether an index leaves out blank rows of a source, so that `excluded` and `total` are without them; nil for no.
  package var leavesOutBlank: Bool?
  /// Rows that were edited, deleted or filled between their page and their write.
  package var changed = 0
  /// Rows in quarantine, by the last sweep of each source.
  package var quarantined = 0
  /// Of those, rows whose text can't be read.
  package var unreadable = 0
  /// Rows whose text was too long for the model, and was truncated or averaged as the job says.
  package var fitted = 0
  /// Requests that were sent, retries included.
  package var requests = 0
  package var retries = 0
  package var billedTokens = 0
  /// What those were counted or estimated to be before they were sent.
  package var estimatedTokens = 0
  /// The tokens that were billed for one that was estimated, by the last replies; nil where tokens are counted exactly, or
  /// no reply told any.
  package var billedPerEstimated: Double?
  /// Dollars; nil where the model's price is unknown.
  package var cost: Double?
  /// Requests that may have been billed though no reply came.
  package var possiblyPaid = 0
  /// How long nothing was sent because the provider was failing or had asked to wait, or the run was held.
  package var throttled: Duration = .zero
  /// Rows that were written from the spool of an earlier run, without a call.
  package var recovered = 0
  /// Rows that got the vector of another row with the same text; nil for none.
  package var copied: Int?

  /// Rows that wait for a batch of the provider's; nil for none.
  package var waiting: Int?

  package init() {}
}
