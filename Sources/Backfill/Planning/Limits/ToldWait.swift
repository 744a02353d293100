/// A wait for the next request that a provider's limit a minute asks for.
package struct ToldWait: Equatable, Sendable {
  package enum Unit: String, Sendable {
    case request, token
  }

  package let unit: Unit
  /// So many a minute, as the provider's header or refusal told it.
  package let limit: Int
  package let time: Duration

  /// The error where it is longer than the run may wait.
  func failure(of provider: String, maxOutage: Duration) -> Failure {
    Failure(
      .unavailable, provider,
      "it has a limit of \(limit) \(unit.rawValue)\(limit == 1 ? "" : "s") a minute "
        + "(by x-ratelimit-limit-\(unit.rawValue)s, or the words of a refusal): the next request would have to wait \(time.wholeSeconds) s, "
        + "and --max-outage is \(maxOutage.wholeSeconds) s",
      remedy: "wait, or give a longer --max-outage, and run the same command again to go on")
  }
}

extension Duration {
  /// Rounded up.
  var wholeSeconds: Int { Int((self / .seconds(1)).rounded(.up)) }
}
