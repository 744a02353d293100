/// How long requests take at given limits, and which of them binds.
package struct Throughput: Equatable, Sendable {
  package enum Limit: String, Sendable, Codable {
    case requests, tokens
  }

  package let hours: Double
  package let binding: Limit

  /// nil where no limit is known.
  package init?(requests: Int, tokens: Int, limits: Job.Limits) {
    let times: [(Double, Limit)] = [
      limits.requestsPerMinute.map { (Double(requests) / Double(max(1, $0)), .requests) },
      limits.tokensPerMinute.map { (Double(tokens) / Double(max(1, $0)), .tokens) },
    ].compactMap(\.self)
    guard let (minutes, limit) = times.max(by: { $0.0 < $1.0 }) else { return nil }
    hours = minutes / 60
    binding = limit
  }
}
