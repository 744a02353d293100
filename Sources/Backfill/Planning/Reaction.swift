/// What is done about a request that brought no vectors, which the kind of its failure alone decides.
package enum Reaction: String, Sendable, CaseIterable {
  /// Sent again after a wait that grows; after five failures in a row one request at a time asks whether it is over.
  case retry
  /// Nothing is sent until the provider's time has come; then again, slower and less of it side by side.
  case hold
  /// Sent again once; the second such reply ends the run.
  case retryOnce = "retry once"
  /// Sent again in two halves of its tokens.
  case split
  /// Sent again in parts until the refused input stands alone; then its rows are put into quarantine.
  case isolate
  /// The run ends.
  case stop
}
