/// What a run would take of a source, added up page by page in memory that does not grow (P8).
package struct Estimate: Equatable, Sendable {
  /// Rows that lack a vector and would be sent.
  package private(set) var rows = 0
  /// Rows with a blank or NULL text, which are left out.
  package private(set) var blank = 0
  /// Whether `blank` is all of them, as `SourceShape` has it.
  package var countsBlank = true
  package private(set) var quarantined = 0
  /// Rows whose vectors an earlier run has paid for and not yet written, or that wait for a provider's batch.
  package private(set) var spooled = 0
  /// Of `rows`, those that are known to have more tokens than the model takes, and aren't sent.
  package private(set) var overlong = 0
  /// What would be written: a vector for each row that is sent, or for each piece of its text.
  package private(set) var vectors = 0
  /// Of `rows`, those that get the vector of another row of their page, or with `duplicates: table` of their column; 0 in a
  /// sample, which can't know them.
  package private(set) var duplicates = 0
  /// Tokens that are not paid because duplicates are embedded once.
  package private(set) var tokensSaved = 0
  /// The Unicode scalars of the inputs that are billed.
  package private(set) var characters = 0
  /// The billed tokens of each input.
  package private(set) var tokens = TokenHistogram()
  package private(set) var requests = 0
  /// Where only a sample was read, how far off the sum of tokens may be, with 95 % confidence.
  package private(set) var deviation = Deviation()
  /// By how much the figures of a sample stand for more than was read; 1 where all was read.
  private var scale = 1.0
  private let isSample: Bool
  private var moments = Moments()

  /// - Parameter isSample: whether rows are left out by chance, so that each stands for others.
  package init(isSample: Bool = false) {
    self.isSample = isSample
  }

  package mutating func add(_ page: PageFigures) {
    rows += page.taken
    blank += page.blank
    quarantined += page.quarantined
    spooled += page.spooled
    overlong += page.overlong
    requests += page.requests
    vectors += page.vectors
    for _ in 0..<page.blank + page.quarantined + page.spooled + page.overlong { moments.add(0) }
    for tokens in page.rowTokens ?? [] { moments.add(tokens) }
    for input in page.inputs {
      if page.rowTokens == nil { for _ in 0..<input.rows { moments.add(input.tokens) } }
      let billed = isSample ? input.rows : input.isRepeat ? 0 : 1
      tokens.add(input.tokens, times: billed)
      characters += input.characters * billed
      duplicates += input.rows - billed
      tokensSaved += input.tokens * (input.rows - billed)
    }
  }

  /// The figures of a sample, as they stand for `population` rows that lack a vector.
  package func projected(to population: Int) -> Estimate {
    guard isSample, moments.count > 0 else { return self }
    var all = self
    all.scale = Double(population) / Double(moments.count)
    all.deviation = moments.deviation(ofSumOver: population)
    for figure in [\Estimate.rows, \.blank, \.quarantined, \.spooled, \.overlong, \.characters, \.requests, \.vectors] {
      all[keyPath: figure] = Int((Double(self[keyPath: figure]) * all.scale).rounded())
    }
    return all
  }

  package mutating func merge(_ other: Estimate) {
    let sum = tokenSum + other.tokenSum
    for figure in [
      \Estimate.rows, \.blank, \.quarantined, \.spooled, \.overlong, \.duplicates, \.tokensSaved, \.characters,
      \.requests, \.vectors,
    ] {
      self[keyPath: figure] += other[keyPath: figure]
    }
    countsBlank = countsBlank && other.countsBlank
    tokens.merge(other.tokens)
    scale = tokens.sum > 0 ? Double(sum) / Double(tokens.sum) : 1
    deviation.merge(other.deviation)
    moments.merge(other.moments)
  }

  /// The tokens that are billed, summed.
  package var tokenSum: Int { scale == 1 ? tokens.sum : Int((Double(tokens.sum) * scale).rounded()) }

  /// Rows that were read; fewer than there are only in a sample.
  package var rowsRead: Int { moments.count }

  /// Where the sum of tokens is, with 95 % confidence where this is a sample.
  ///
  /// - Parameter errorBand: what a sum of counts may have to be multiplied by; 1 to 1 if they are exact.
  package func tokenRange(errorBand: ClosedRange<Double>) -> ClosedRange<Int> {
    let sum = Double(tokenSum)
    let low = max(0, sum - deviation.below) * errorBand.lowerBound
    let high = (sum + deviation.above) * errorBand.upperBound
    return Int(low.rounded(.down))...Int(high.rounded(.up))
  }
}
