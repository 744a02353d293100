/// A row of the table of failures: one for each kind, the same as in `docs/provider-errors.md`.
package struct FailureClass: Sendable {
  package let kind: EmbeddingFailure.Kind
  package let reaction: Reaction
  /// How often one request may fail in this way. Then its texts are suspected, and the endpoint is asked for a harmless text.
  package let tries: Int
  /// The exit code where this failure ends the run.
  package let exitCode: ExitCode
  /// What a person does about it then.
  package let remedy: String

  package static let table: [FailureClass] = [
    FailureClass(.transient, .retry, 4, .unavailable, "run the same command again"),
    FailureClass(.timedOut, .retry, 2, .unavailable, "run the same command again"),
    FailureClass(.unreachable, .retry, 4, .unavailable, "run the same command again"),
    FailureClass(.rateLimited, .hold, 12, .unavailable, "run the same command again later"),
    FailureClass(
      .quotaExhausted, .stop, 1, .budget, "restore the account's credit and run the same command again"),
    FailureClass(.denied, .stop, 1, .denied, "check the API key and its rights to the model"),
    FailureClass(.forbidden, .probe, 2, .denied, "check the API key and its rights to the model"),
    FailureClass(
      .tooLarge, .split, 1, .badData,
      "no input was accepted, not even a harmless one: check the model and the base URL"),
    FailureClass(
      .badInput, .isolate, 1, .badData,
      "no input was accepted, not even a harmless one: check the model and the base URL"),
    FailureClass(.brokenReply, .probe, 1, .badData, "check that the base URL and the model are the right ones"),
    FailureClass(.misconfigured, .probe, 1, .configuration, "check the base URL, the model and the dimensions"),
    FailureClass(
      .unrecognized, .probe, 2, .configuration, "check the base URL, and any proxy or gateway before the provider"),
    FailureClass(.cancelled, .stop, 1, .unavailable, "run the same command again"),
  ]

  private init(
    _ kind: EmbeddingFailure.Kind, _ reaction: Reaction, _ tries: Int, _ exitCode: ExitCode, _ remedy: String
  ) {
    self.kind = kind
    self.reaction = reaction
    self.tries = tries
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

extension EmbeddingFailure {
  /// Whether the inputs themselves, or their number, were refused: no wait will help.
  package var refusesInputs: Bool { kind == .badInput || kind == .tooLarge }

  /// Whether the whole reply to one text has no usable vector for it.
  var isOfOneVector: Bool { kind == .brokenReply && badIndex != nil }

  /// Whether one cause may have made both.
  func looks(like other: EmbeddingFailure) -> Bool { kind == other.kind && status == other.status }

  /// Whether a status of the 400s says that the request was looked at and not done.
  var isRefusal: Bool { status.map { (400..<500).contains($0) } ?? false && kind != .rateLimited }

  /// Whether it may pass by itself before the endpoint's first answer: it is busy or starting. An unknown host or a wrong
  /// path won't pass, so the run doesn't wait long for it.
  var mayPassBeforeFirstAnswer: Bool {
    switch kind {
    case .rateLimited, .timedOut: true
    case .transient: status != 500 && status != 501
    default: false
    }
  }
}
