/// How many rows something is true of, and the keys of the first few.
package struct RowExamples: Equatable, Sendable {
  package private(set) var count = 0
  package private(set) var keys: [RowKey] = []

  package static let most = 3

  package init() {}

  package mutating func add(_ key: RowKey) {
    count += 1
    if keys.count < Self.most { keys.append(key) }
  }
}
