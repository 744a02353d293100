extension EmbeddingFailure {
  /// What a person is told where this failure of `provider`, as its model names it, ends the work.
  package func failure(of provider: String) -> Failure {
    let row = kind.failureClass
    return Failure(row.exitCode, provider, summary, remedy: row.remedy)
  }

  /// What happened, with the status, the code and the request's id, where they are known.
  package var summary: String {
    let details = [status.map { "status \($0)" }, code.map { "code \($0)" }, requestID.map { "request \($0)" }]
      .compactMap(\.self)
    return details.isEmpty ? reason : "\(reason) (\(details.joined(separator: ", ")))"
  }

  /// A row's text is known to be too long, so that it is not even sent.
  package static func tooLong(for model: Model) -> EmbeddingFailure {
    let most = model.maxInputTokens.map { ", \($0) tokens" } ?? ""
    return EmbeddingFailure(.badInput, "the text is longer than the model takes\(most), and was not sent")
  }
}
