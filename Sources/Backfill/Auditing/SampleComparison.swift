/// Rows whose texts are embedded again, prepared in one way or in several, and compared with the vectors that they have.
package struct SampleComparison: Sendable {
  /// What came of one way to prepare the texts.
  package struct Result: Equatable, Sendable {
    package let preparation: TextPreparation
    /// Rows that could be compared.
    package let compared: Int
    /// Of those, the rows whose vector is another one.
    package let unlike: [RowKey]
    package let leastCosine: Double
    package let meanCosine: Double

    package var alike: Int { compared - unlike.count }
  }

  /// The least cosine of vectors that the same model made of the same text. Other models come to 0.8 at most.
  package static let leastCosine = 0.98

  private let rows: [SampledRow]
  private let preparations: [TextPreparation]
  /// What is asked for: each distinct input once.
  package let inputs: [String]

  /// - Parameter preparations: at least one; the job's own first.
  package init(of rows: [SampledRow], preparedBy preparations: [TextPreparation]) {
    self.rows = rows
    self.preparations = preparations
    var seen: Set<TextDigest> = []
    var inputs: [String] = []
    for row in rows {
      for input in preparations.compactMap({ $0.input(for: row.text) })
      where seen.insert(TextDigest(of: input)).inserted {
        inputs.append(input)
      }
    }
    self.inputs = inputs
  }

  /// Compares with `vectors`, each by the digest of its input; a row whose input got none is left out.
  package func results(_ vectors: [TextDigest: [Float]]) -> [Result] {
    preparations.map { preparation in
      var cosines: [(key: RowKey, cosine: Double)] = []
      for row in rows {
        guard let input = preparation.input(for: row.text), let vector = vectors[TextDigest(of: input)],
          vector.count == row.vector.count
        else { continue }
        cosines.append((row.key, row.vector.cosine(to: vector)))
      }
      return Result(
        preparation: preparation, compared: cosines.count,
        unlike: cosines.filter { !($0.cosine >= Self.leastCosine) }.map(\.key),
        leastCosine: cosines.map(\.cosine).min() ?? 0,
        meanCosine: cosines.isEmpty ? 0 : cosines.reduce(0) { $0 + $1.cosine } / Double(cosines.count))
    }
  }
}
