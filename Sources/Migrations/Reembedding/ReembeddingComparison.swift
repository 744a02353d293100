/// What the neighbours of some tens of rows show of the new column, before the application reads it.
package struct ReembeddingComparison: Equatable, Sendable {
  /// How many neighbours are looked at.
  static let neighbours = 10

  /// The rows whose neighbours were compared.
  package let samples: Int
  /// The share of the former model's ten nearest that are the new model's, too; nil where no row was compared.
  package let overlap: Double?
  /// The share of the ten truly nearest that the new column's index finds; nil where it has no index.
  package let recall: Double?

  package init(samples: Int, overlap: Double?, recall: Double?) {
    (self.samples, self.overlap, self.recall) = (samples, overlap, recall)
  }

  /// What of it is below what was asked for, in words; nil where nothing is.
  package func shortfall(leastOverlap: Double?, leastRecall: Double?) -> String? {
    let found = [("overlap@10", overlap, leastOverlap), ("recall@10", recall, leastRecall)].compactMap {
      name, value, least -> String? in
      guard let least, let value, value < least else { return nil }
      return "\(name) is \(Self.share(value)), less than \(Self.share(least))"
    }
    return found.isEmpty ? nil : found.joined(separator: ", and ")
  }

  private static func share(_ value: Double) -> String {
    let thousandths = Int((value * 1000).rounded())
    return "\(thousandths / 10).\(thousandths % 10) %"
  }
}

extension ReembeddingComparison: CustomStringConvertible {
  package var description: String {
    guard let overlap else { return "no row has both vectors: nothing to compare" }
    let searched = recall.map { "recall@10 of the new index \(Self.share($0))" } ?? "the new column has no index"
    return "\(samples) rows: overlap@10 of the two models \(Self.share(overlap)), \(searched)"
  }
}
