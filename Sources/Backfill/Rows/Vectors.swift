import Foundation

/// A number of vectors of one dimension, row after row in one block.
package struct Vectors: Equatable, Sendable {
  package let dimensions: Int
  /// `count * dimensions` values.
  package private(set) var values: [Float]

  /// Takes a block as it is; its length must be a multiple of `dimensions`, which must be positive.
  package init(dimensions: Int, values: [Float] = []) {
    precondition(dimensions > 0 && values.count.isMultiple(of: dimensions), "a block of whole vectors")
    self.dimensions = dimensions
    self.values = values
  }

  package var count: Int { values.count / dimensions }

  package subscript(index: Int) -> ArraySlice<Float> {
    values[index * dimensions..<(index + 1) * dimensions]
  }

  package mutating func append(_ vector: some Collection<Float>) {
    precondition(vector.count == dimensions, "a vector of \(dimensions) dimensions")
    values.append(contentsOf: vector)
  }

  /// The first values of `vector`, brought to length 1; nil where all of them are zeros.
  package static func beginning(of vector: [Float], count: Int) -> [Float]? {
    let first = vector.prefix(count)
    let length = first.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    return length > 0 ? first.map { Float(Double($0) / length) } : nil
  }

  /// The mean of the vectors in `range`, weighted and of length 1.
  package func mean(of range: Range<Int>, weights: [Int]) -> [Float] {
    var sums = [Double](repeating: 0, count: dimensions)
    for (index, weight) in zip(range, weights) {
      for (place, value) in self[index].enumerated() { sums[place] += Double(weight) * Double(value) }
    }
    let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return sums.map { Float(length > 0 ? $0 / length : 0) }
  }
}

extension Vectors {
  /// Reads little-endian float32 values; nil where the bytes are no whole number of vectors.
  package init?(littleEndian bytes: Data, dimensions: Int) {
    guard dimensions > 0, bytes.count.isMultiple(of: 4 * dimensions) else { return nil }
    let values = bytes.withUnsafeBytes { raw in
      (0..<raw.count / 4).map { index in
        Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
      }
    }
    self.init(dimensions: dimensions, values: values)
  }

  /// The block as little-endian float32 values: its own bytes on every platform that vecfill is built for.
  package var littleEndian: Data { values.withUnsafeBytes { Data($0) } }
}
