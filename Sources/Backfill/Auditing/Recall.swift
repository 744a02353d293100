/// How many of the true neighbours of a few vectors an index finds.
package struct Recall: Equatable, Sendable {
  /// So many neighbours are asked for.
  package static let neighbours = 10
  /// For each vector that is searched for the distances of what the index found.
  private let found: [[Double]]
  /// For each the smallest distances that there are, in order.
  private var exact: [[Double]]

  /// - Parameter found: what the index gave, for each vector that was searched for.
  package init(found: [[Double]]) {
    self.found = found
    exact = found.map { _ in [] }
  }

  /// Adds the distances of a window's nearest rows, for each vector; those that are no number are left out.
  package mutating func add(window: [[Double]]) {
    for (index, distances) in window.enumerated() where exact.indices.contains(index) {
      exact[index] = Array((exact[index] + distances.filter { !$0.isNaN }).sorted().prefix(Self.neighbours))
    }
  }

  /// From 0 to 1; nil where nothing was searched for.
  ///
  /// By distances and not by keys: of rows at the same distance any is as good.
  package var share: Double? {
    let wanted = exact.reduce(0) { $0 + $1.count }
    guard wanted > 0 else { return nil }
    let hits = zip(found, exact).reduce(0) { sum, pair in
      guard let farthest = pair.1.last else { return sum }
      return sum + min(pair.1.count, pair.0.count { $0 <= farthest + 1e-6 })
    }
    return Double(hits) / Double(wanted)
  }
}
