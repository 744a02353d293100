import Foundation

extension EmbeddingFailure {
  /// What a person is told where this failure of `provider`, as its model names it, ends the work.
  ///
  /// - Parameters:
  ///   - isBeforeFirstAnswer: whether the endpoint has answered nothing yet, so that its address may be wrong.
  ///   - asksToWait: a wait that is longer than the run may last.
  package func failure(
    of provider: String, isBeforeFirstAnswer: Bool = false, asksToWait: Duration? = nil
  ) -> Failure {
    let row = kind.failureClass
    let isAddressInDoubt = isBeforeFirstAnswer && row.exitCode == .unavailable
    let (event, advice) = advisedReason
    var told = detailed(event)
    if let address { told += ", calling \(address)" }
    if let serverMessage { told += "; the server says: \"\(serverMessage)\"" }
    if let asksToWait { told += "; it asks to wait \(Int((asksToWait / .seconds(1)).rounded(.up))) s" }
    if isAddressInDoubt {
      // Who can't be reached was not even asked.
      if kind != .unreachable { told = "it answers nothing: \(told)" }
      return Failure(
        .configuration, provider, told,
        remedy: advice ?? "check the base URL, the key and that the server runs, then run the same command again")
    }
    guard let advice else { return Failure(row.exitCode, provider, told, remedy: row.remedy) }
    return Failure(
      row.exitCode, provider, told,
      remedy: row.exitCode == .unavailable ? "\(advice); \(row.remedy)" : advice)
  }

  /// The same where a command asked `provider` for a text or two and was never answered, however often it tried: the exit
  /// code is that of a run that fares so.
  package func failureWithoutAnswer(of provider: String) -> Failure {
    let isLost = kind == .transient && status == nil
    return failure(of: provider, isBeforeFirstAnswer: isLost || !mayPassBeforeFirstAnswer)
  }

  /// What happened, with the status, the code and the request's id, where they are known.
  package var summary: String { detailed(reason) }

  private func detailed(_ reason: String) -> String {
    let details = [status.map { "status \($0)" }, code.map { "code \($0)" }, requestID.map { "request \($0)" }]
      .compactMap(\.self)
    return details.isEmpty ? reason : "\(reason) (\(details.joined(separator: ", ")))"
  }

  /// The reason without what it says to look at, and that: it knows more of it than its class does.
  private var advisedReason: (event: String, advice: String?) {
    for start in [": check ", ": name ", ": give ", ": renew ", ": does ", ": if ", "; does "] {
      if let range = reason.range(of: start) {
        return (String(reason[..<range.lowerBound]), String(reason[range.lowerBound...].dropFirst(2)))
      }
    }
    return (reason, nil)
  }

  /// A reply has a usable vector for another text and none for this one: why.
  static func noVector(_ why: String) -> EmbeddingFailure {
    EmbeddingFailure(.brokenReply, "the reply can't be used: \(why)", status: 200)
  }
}
