/// A few keys of a stream of rows, each with the same chance to be among them.
package struct RowReservoir: Sendable {
  private let size: Int
  private var seen = 0
  package private(set) var keys: [RowKey] = []

  package init(size: Int) {
    self.size = size
  }

  package mutating func offer(_ key: RowKey, using random: inout some RandomNumberGenerator) {
    seen += 1
    if keys.count < size {
      keys.append(key)
    } else if size > 0 {
      let place = Int.random(in: 0..<seen, using: &random)
      if place < size { keys[place] = key }
    }
  }
}
