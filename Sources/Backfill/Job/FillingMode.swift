/// How a job's rows are asked for.
package enum FillingMode: String, Sendable, CaseIterable {
  /// One request after the other, each answered at once.
  case requests
  /// In files by the provider's batch API, answered within hours for less.
  case batch
}
