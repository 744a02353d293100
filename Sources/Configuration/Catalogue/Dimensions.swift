/// The lengths of vectors that a model can give.
package struct Dimensions: Hashable, Sendable {
  package enum Choice: Hashable, Sendable {
    case fixed
    /// The default and any of these.
    case list([Int])
    case range(ClosedRange<Int>)
  }

  /// What the model gives unasked.
  package let standard: Int
  package let choice: Choice

  package init(_ standard: Int, _ choice: Choice = .fixed) {
    self.standard = standard
    self.choice = choice
  }

  package func contains(_ dimensions: Int) -> Bool {
    switch choice {
    case .fixed: dimensions == standard
    case .list(let others): dimensions == standard || others.contains(dimensions)
    case .range(let range): range.contains(dimensions)
    }
  }
}

extension Dimensions: CustomStringConvertible {
  package var description: String {
    switch choice {
    case .fixed: "\(standard)"
    case .list(let others): "one of \(([standard] + others).sorted().map(String.init).joined(separator: ", "))"
    case .range(let range): "from \(range.lowerBound) to \(range.upperBound)"
    }
  }
}
