import Backfill
import Configuration
import PgVector
import Tokenizer

/// What figures are priced and measured by.
struct EstimateTerms {
  let model: Model
  let price: CatalogueModel.Price?
  let limits: Job.Limits
  /// How vectors are held, which is the same for all of the job's sources on PostgreSQL or SQLite.
  let storage: VectorStorage
  let counter: TokenCounter
  let isSample: Bool
  /// Above so many bytes a text is cut; nil where it is cut at tokens, or not at all.
  let mostBytes: Int?
  /// Whether only the missing vocabulary keeps the tokens from being counted.
  let lacksVocabulary: Bool
  /// What the provider's batch API takes; nil where it has none, or none is known.
  var batch: BatchOutlook.Offer?

  var isExact: Bool { counter.isExact && !isSample }

  /// How sure the figures are, in words.
  var certainty: String {
    guard !isExact else { return "exact, by cl100k_base" }
    let band = counter.errorBand
    let counting =
      counter.isExact
      ? "counted by cl100k_base"
      : "estimated from the characters; the true count is \(band.lowerBound.fixed(2)) to \(band.upperBound.fixed(2)) times that"
    return isSample ? "from a random sample, 95 % confidence; \(counting)" : counting
  }
}
