import Backfill

/// The nearest of all vectors that it is shown, by cosine distance; it keeps no more than `limit`.
struct NearestNeighbours {
  private let vector: [Float]
  private let length: Double
  private let limit: Int
  /// Nearest first.
  private(set) var nearest: [(key: RowKey, distance: Double)] = []

  init(to vector: [Float], limit: Int) {
    self.vector = vector
    self.limit = limit
    length = Self.product(vector, vector).squareRoot()
  }

  /// Looks at a vector; one of another dimension can't be compared and is left out.
  mutating func offer(_ other: [Float], key: RowKey) {
    guard limit > 0, other.count == vector.count else { return }
    let distance = 1 - Self.product(vector, other) / (length * Self.product(other, other).squareRoot())
    // A vector of zeros is at no distance from any: it stands last, as in PostgreSQL.
    let rank = distance.isNaN ? .infinity : distance
    guard nearest.count < limit || rank < (nearest.last?.distance ?? .infinity) else { return }
    let place = nearest.firstIndex { rank < $0.distance } ?? nearest.count
    nearest.insert((key, distance), at: place)
    if nearest.count > limit { nearest.removeLast() }
  }

  private static func product(_ a: [Float], _ b: [Float]) -> Double {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        // An index, not an iterator: that is fast without optimisation too.
        var sum = 0.0
        var index = 0
        while index < a.count {
          sum += Double(a[index]) * Double(b[index])
          index += 1
        }
        return sum
      }
    }
  }
}
