/// A metric as it is read at one moment: what the writers write.
package struct MetricFamily: Sendable, Equatable {
  package let metric: Metric
  /// In the order of their labels; at least one.
  package let series: [Series]

  package struct Series: Sendable, Equatable {
    package let labels: [Label]
    package let value: Value
  }

  package struct Label: Sendable, Hashable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package enum Value: Sendable, Equatable {
    case number(Double)
    case latency(Latency)
  }

  /// How long things took, in seconds.
  package struct Latency: Sendable, Equatable {
    package var count = 0
    package var sum = 0.0
    /// For each of `Latency.bounds` how many took no longer than it and longer than the one before, and last how many took
    /// longer than all of them.
    package var counts = [Int](repeating: 0, count: Latency.bounds.count + 1)

    /// Upper bounds, in seconds.
    package static let bounds = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
  }
}
