extension EmbeddingFailure {
  /// What a person is told where this failure ends the work.
  package var asFailure: Failure {
    let details = [status.map { "status \($0)" }, code.map { "code \($0)" }, requestID.map { "request \($0)" }]
      .compactMap(\.self)
    let told = details.isEmpty ? reason : "\(reason) (\(details.joined(separator: ", ")))"
    let (exitCode, remedy) = kind.ending
    return Failure(exitCode, "embeddings API", told, remedy: remedy)
  }
}

extension EmbeddingFailure.Kind {
  fileprivate var ending: (ExitCode, remedy: String) {
    switch self {
    case .transient, .unreachable, .rateLimited, .cancelled:
      (.unavailable, "run the same command again to go on")
    case .quotaExhausted:
      (.budget, "restore the account's credit and run the same command again")
    case .denied:
      (.denied, "check the API key and its rights to the model")
    case .brokenReply:
      (.badData, "check that the base URL and the model are the right ones")
    case .tooLarge, .badInput:
      (.badData, "no input was accepted, not even a harmless one: check the model and the base URL")
    case .misconfigured:
      (.configuration, "check the base URL, the model and the dimensions")
    }
  }
}
