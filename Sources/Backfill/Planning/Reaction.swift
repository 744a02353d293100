/// What is done about a request that brought no vectors, which the kind of its failure alone decides.
package enum Reaction: String, Sendable, CaseIterable {
  /// Sent again after a wait that grows; after five failures in a row one request at a time asks whether it is over.
  case retry
  /// Nothing is sent until the provider's time has come; then again, slower and less of it side by side.
  case hold
  /// Sent again in two halves of its tokens.
  case split
  /// Sent again in parts until the refused input stands alone; then its rows are put into quarantine.
  case isolate
  /// A harmless text is sent. If it is answered, the request is isolated; if not, the run ends.
  case probe
  /// The run ends.
  case stop
}
