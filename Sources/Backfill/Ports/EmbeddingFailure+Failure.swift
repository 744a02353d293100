extension EmbeddingFailure {
  /// What a person is told where this failure ends the work.
  package var asFailure: Failure {
    let row = kind.failureClass
    return Failure(row.exitCode, "embeddings API", summary, remedy: row.remedy)
  }

  /// What happened, with the status, the code and the request's id, where they are known.
  package var summary: String {
    let details = [status.map { "status \($0)" }, code.map { "code \($0)" }, requestID.map { "request \($0)" }]
      .compactMap(\.self)
    return details.isEmpty ? reason : "\(reason) (\(details.joined(separator: ", ")))"
  }
}
