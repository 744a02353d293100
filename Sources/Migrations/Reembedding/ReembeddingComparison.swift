import Backfill

/// What the neighbours of some tens of rows show of the new column, before the application reads it.
package struct ReembeddingComparison: Equatable, Sendable {
  /// How many neighbours are looked at.
  static let neighbours = 10
  /// With fewer rows nothing stops unasked: chance decides.
  private static let fewestSamples = 10
  /// Below it two models that both work are in doubt. It stops nothing: how much they agree depends on the texts.
  private static let doubtfulOverlap = 0.05
  /// What an index of pgvector's defaults finds of real texts' vectors.
  private static let leastRecall = 0.9
  /// By how much an index may be worse than a former one that is below `leastRecall` itself.
  private static let recallMargin = 0.1

  /// The rows whose neighbours were compared.
  package let samples: Int
  /// The share of the former model's ten nearest that are as near by the new model as its own ten; nil where no row was
  /// compared.
  package let overlap: Double?
  /// The share of ten as near as the ten truly nearest that the new column's index finds; nil where it has no index.
  package let recall: Double?
  /// The same of the former column.
  package let formerRecall: Double?

  package init(samples: Int, overlap: Double?, recall: Double?, formerRecall: Double? = nil) {
    (self.samples, self.overlap) = (samples, overlap)
    (self.recall, self.formerRecall) = (recall, formerRecall)
  }

  /// What of it is below what was asked for, or below what holds where nothing was, in words; nil where nothing is.
  package func shortfall(leastOverlap: Double?, leastRecall: Double?) -> String? {
    let leastRecall = leastRecall ?? (isTelling ? Self.leastRecall(besides: formerRecall) : nil)
    let found = [("overlap@10", overlap, leastOverlap), ("recall@10", recall, leastRecall)].compactMap {
      name, value, least -> String? in
      guard let least, let value, value < least else { return nil }
      return "\(name) is \(Self.share(value)), less than \(Self.share(least))"
    }
    return found.isEmpty ? nil : found.joined(separator: ", and ")
  }

  /// What a person should look at before the switch, in words; nil where there is nothing.
  package var doubt: String? {
    guard isTelling, let overlap, overlap < Self.doubtfulOverlap else { return nil }
    return
      "overlap@10 is \(Self.share(overlap)): the two models have nearly nothing in common; maybe one of the columns "
      + "holds vectors of other texts, or random ones"
  }

  private var isTelling: Bool { samples >= Self.fewestSamples }

  /// An index that the application lives with is the measure where it finds less: ivfflat without its probes, or vectors
  /// that have no near ones.
  private static func leastRecall(besides former: Double?) -> Double {
    guard let former, former < leastRecall else { return leastRecall }
    return former - recallMargin
  }

  private static func share(_ value: Double) -> String {
    "\((100 * value).fixed(1))%"
  }
}

extension ReembeddingComparison: CustomStringConvertible {
  package var description: String {
    guard let overlap else { return "no row has both vectors: nothing to compare" }
    let former = formerRecall.map { ", of the old one \(Self.share($0))" } ?? ""
    let searched = recall.map { "recall@10 of the new index \(Self.share($0))" } ?? "the new column has no index"
    return "\(samples) rows: overlap@10 of the two models \(Self.share(overlap)), \(searched)\(former)"
  }
}
