import Backfill

/// Embeds offline, with no key and no network, for demos and tests.
///
/// It is lexical: texts are near where they share words or parts of words, whatever they mean. Words, pairs of words
/// and character trigrams are hashed into signed buckets (feature hashing), and the vector is normalised. The same text
/// has the same vector, bit for bit, on every platform and in every run, and no vector is zero.
package struct LocalEmbedder: Embedder {
  package let dimensions: Int

  /// An embedder of vectors with `dimensions` values, which must be positive.
  package init(dimensions: Int) {
    precondition(dimensions > 0, "a vector has at least one dimension")
    self.dimensions = dimensions
  }

  /// Never fails but by cancellation. Both roles are alike to it. Its billed tokens are 0: that is known, and not just untold.
  package func embed(_ texts: [String], as role: EmbeddingRole) async throws(EmbeddingFailure) -> EmbeddingReply {
    var values = [Float](repeating: 0, count: texts.count * dimensions)
    var features = LexicalFeatures()
    for (index, text) in texts.enumerated() {
      guard !Task.isCancelled else { throw EmbeddingFailure(.cancelled, "cancelled") }
      values.withUnsafeMutableBufferPointer { block in
        let vector = UnsafeMutableBufferPointer(rebasing: block[index * dimensions..<(index + 1) * dimensions])
        LocalEmbedder.fill(vector, with: text, &features)
      }
    }
    return EmbeddingReply(vectors: Vectors(dimensions: dimensions, values: values), billedTokens: 0)
  }

  private static func fill(
    _ vector: UnsafeMutableBufferPointer<Float>, with text: String, _ features: inout LexicalFeatures
  ) {
    let dimensions = UInt64(vector.count)
    // The lowest bit is the sign: features that share a bucket cancel out rather than add up.
    let fingerprint = features.read(text) { hash, weight in
      vector[Int((hash >> 1) % dimensions)] += hash & 1 == 0 ? weight : -weight
    }
    var squares = 0.0
    for index in vector.indices {
      // The root lets a word that comes ten times count about three times.
      let value = vector[index]
      vector[index] = value < 0 ? -(-value).squareRoot() : value.squareRoot()
      squares += Double(vector[index] * vector[index])
    }
    guard squares > 0 else {
      vector[Int(fingerprint % dimensions)] = 1
      return
    }
    let length = squares.squareRoot()
    for index in vector.indices { vector[index] = Float(Double(vector[index]) / length) }
  }
}
