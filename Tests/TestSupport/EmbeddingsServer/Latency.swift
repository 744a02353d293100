import Foundation

extension EmbeddingsServer {
  /// How long answers take.
  package enum Latency: Sendable {
    case between(ClosedRange<Double>)
    /// Log-normal seconds, as those of real services are: one in fifty takes longer than `slow`.
    case longTailed(median: Double, slow: Double)

    func next() -> Duration {
      switch self {
      case .between(let range): .seconds(Double.random(in: range))
      case .longTailed(let median, let slow): .seconds(median * exp(log(slow / median) / 2.05 * Latency.normal()))
      }
    }

    /// A standard normal number, by Box and Muller.
    private static func normal() -> Double {
      (-2 * log(Double.random(in: Double.leastNonzeroMagnitude...1))).squareRoot() * cos(2 * .pi * .random(in: 0..<1))
    }
  }
}
