/// A row of the table of failures: one for each kind, the same as in `docs/provider-errors.md`.
package struct FailureClass: Sendable {
  package let kind: EmbeddingFailure.Kind
  package let reaction: Reaction
  /// The exit code where this failure ends the run.
  package let exitCode: ExitCode
  /// What a person does about it then.
  package let remedy: String

  package static let table: [FailureClass] = [
    FailureClass(.transient, .retry, .unavailable, "run the same command again to go on"),
    FailureClass(.timedOut, .retry, .unavailable, "run the same command again to go on"),
    FailureClass(.unreachable, .retry, .unavailable, "check the network, then run the same command again to go on"),
    FailureClass(.rateLimited, .hold, .unavailable, "run the same command again later to go on"),
    FailureClass(
      .quotaExhausted, .stop, .budget, "restore the account's credit and run the same command again to go on"),
    FailureClass(.denied, .stop, .denied, "check the API key and its rights to the model"),
    FailureClass(.forbidden, .stop, .denied, "check the API key and its rights to the model"),
    FailureClass(
      .tooLarge, .split, .badData, "no input was accepted, not even a harmless one: check the model and the base URL"),
    FailureClass(
      .badInput, .isolate, .badData, "no input was accepted, not even a harmless one: check the model and the base URL"),
    FailureClass(.brokenReply, .retryOnce, .badData, "check that the base URL and the model are the right ones"),
    FailureClass(.misconfigured, .stop, .configuration, "check the base URL, the model and the dimensions"),
    FailureClass(.unrecognized, .stop, .configuration, "check the base URL"),
    FailureClass(.cancelled, .stop, .unavailable, "run the same command again to go on"),
  ]

  private init(_ kind: EmbeddingFailure.Kind, _ reaction: Reaction, _ exitCode: ExitCode, _ remedy: String) {
    self.kind = kind
    self.reaction = reaction
    self.exitCode = exitCode
    self.remedy = remedy
  }
}

extension EmbeddingFailure.Kind {
  /// The kind's row; a kind without one, which a test rules out, would end the run.
  package var failureClass: FailureClass {
    FailureClass.table.first { $0.kind == self } ?? FailureClass.table[FailureClass.table.count - 1]
  }
}
