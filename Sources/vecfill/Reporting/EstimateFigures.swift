import Backfill
import Configuration
import PgVector
import Tokenizer

/// The figures of one source, or of all: what `vecfill estimate` shows.
struct EstimateFigures: Encodable {
  /// nil where these are the figures of all sources.
  let source: String?
  let rows: Int
  let rowsRead: Int
  /// nil where an index leaves them out and they aren't counted.
  let blank: Int?
  let overlong: Int
  let duplicates: Int
  let quarantined: Int
  let spooled: Int
  let characters: Int
  let tokens: Int
  /// Where the true sum of tokens is: with 95 % confidence in a sample, within the estimator's error band.
  let tokensLow: Int
  let tokensHigh: Int
  let tokensSaved: Int
  let tokensMedian: Int
  let tokensP95: Int
  let tokensMax: Int
  let requests: Int
  /// Dollars; nil where the price is unknown.
  let costUsd: Double?
  let costUsdLow: Double?
  let costUsdHigh: Double?
  let costUsdSaved: Double?
  let batchCostUsd: Double?
  /// How often what the account may have enqueued is used up, and how long that takes, where each time takes an hour and where
  /// each takes all the time that the provider has for it; nil where there is no batch API.
  let batchRounds: Int?
  let batchHoursLow: Double?
  let batchHoursHigh: Double?
  /// At the limits; nil where none is known.
  let hours: Double?
  let hoursBoundBy: Throughput.Limit?
  let vectorBytes: Int
  /// Of an HNSW index; nil where there can be none.
  let indexBytes: Int?
  let indexMemoryBytes: Int?
  let exact: Bool
  let outlook: BatchOutlook?

  private enum CodingKeys: String, CodingKey {
    case source, rows, rowsRead, blank, overlong, duplicates, quarantined, spooled, characters, tokens, tokensLow
    case tokensHigh, tokensSaved, tokensMedian, tokensP95, tokensMax, requests, costUsd, costUsdLow, costUsdHigh
    case costUsdSaved, batchCostUsd, batchRounds, batchHoursLow, batchHoursHigh, hours, hoursBoundBy, vectorBytes
    case indexBytes, indexMemoryBytes, exact
  }

  init(source: String?, _ estimate: Estimate, _ terms: EstimateTerms) {
    let model = terms.model
    let sum = estimate.tokenSum
    let range = estimate.tokenRange(errorBand: terms.counter.errorBand)
    self.source = source
    rows = estimate.rows
    rowsRead = estimate.rowsRead
    blank = estimate.countsBlank ? estimate.blank : nil
    overlong = estimate.overlong
    duplicates = estimate.duplicates
    quarantined = estimate.quarantined
    spooled = estimate.spooled
    characters = estimate.characters
    tokens = sum
    tokensLow = range.lowerBound
    tokensHigh = range.upperBound
    tokensSaved = estimate.tokensSaved
    tokensMedian = estimate.tokens.quantile(0.5)
    tokensP95 = estimate.tokens.quantile(0.95)
    tokensMax = estimate.tokens.largest
    requests = estimate.requests
    costUsd = model.cost(ofTokens: sum)
    costUsdLow = model.cost(ofTokens: range.lowerBound)
    costUsdHigh = model.cost(ofTokens: range.upperBound)
    costUsdSaved = model.cost(ofTokens: estimate.tokensSaved)
    batchCostUsd = terms.price?.usdPerMillionTokensInBatch.map { $0 * Double(sum) / 1_000_000 }
    let outlook = terms.batch.map {
      BatchOutlook(
        inputs: estimate.rows - estimate.duplicates, bytes: estimate.characters, tokens: sum, offer: $0)
    }
    batchRounds = outlook?.rounds
    batchHoursLow = outlook?.leastHours
    batchHoursHigh = outlook?.mostHours
    self.outlook = outlook
    let throughput = Throughput(requests: estimate.requests, tokens: sum, limits: terms.limits)
    hours = throughput?.hours
    hoursBoundBy = throughput?.binding
    let written = estimate.vectors
    vectorBytes = written * terms.storage.bytesPerRow(dimensions: model.dimensions)
    indexBytes = terms.storage.indexBytes(rows: written, dimensions: model.dimensions)
    indexMemoryBytes = terms.storage.indexMemoryBytes(rows: written, dimensions: model.dimensions)
    exact = terms.isExact
  }
}
