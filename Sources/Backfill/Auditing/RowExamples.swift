/// How many there are of something, and the first few of them.
package struct Examples<Element: Equatable & Sendable>: Equatable, Sendable {
  package private(set) var count = 0
  package private(set) var first: [Element] = []

  package static var most: Int { 3 }

  package init() {}

  package mutating func add(_ element: Element) {
    count += 1
    if first.count < Self.most { first.append(element) }
  }

  package mutating func add(_ others: Self) {
    count += others.count
    first = Array((first + others.first).prefix(Self.most))
  }
}

/// How many rows something is true of, and the keys of the first few.
package typealias RowExamples = Examples<RowKey>

extension RowExamples {
  package var keys: [RowKey] { first }
}
