import Backfill
import Configuration

/// What `vecfill estimate --compare` shows: the same rows priced with each model of the catalogue.
struct EstimateComparison: Encodable {
  struct Entry: Encodable {
    let model: String
    let provider: String
    let figures: EstimateFigures

    private enum Keys: String, CodingKey {
      case model, provider
    }

    func encode(to encoder: any Encoder) throws {
      try figures.encode(to: encoder)
      var keys = encoder.container(keyedBy: Keys.self)
      try keys.encode(model, forKey: .model)
      try keys.encode(provider, forKey: .provider)
    }
  }

  /// The cheapest first, those of unknown price last.
  let models: [Entry]

  init(_ models: [Entry]) {
    self.models = models.sorted { ($0.figures.costUsd ?? .infinity) < ($1.figures.costUsd ?? .infinity) }
  }

  /// - Parameters:
  ///   - errorBand: that of counts which are estimated.
  ///   - lineWidth: where a line would be longer, a model's name is cut; a program reads whole names only.
  func text(errorBand: ClosedRange<Double>, isSample: Bool, lineWidth: Int = 80) -> String {
    let head = ["MODEL", "PROVIDER", "TOKENS", "LONG", "REQ", "COST", "BATCH"]
    let rows = models.map { entry in
      let figures = entry.figures
      let mark = figures.exact ? "" : "~"
      return [
        entry.model, entry.provider, mark + figures.tokens.short,
        mark + figures.overlong.short, mark + figures.requests.short,
        figures.costUsd.map { mark + $0.shortMoney } ?? "?", figures.batchCostUsd.map { mark + $0.shortMoney } ?? "-",
      ]
    }
    let sampled = isSample ? "from a sample; where it is estimated too" : "estimated"
    let band = "\(errorBand.lowerBound.fixed(2)) to \(errorBand.upperBound.fixed(2))"
    let legend = """
      ~: \(sampled), the true figure is \(band) times that, for tokenizers near cl100k_base. LONG: rows beyond the \
      model's limit, not priced. BATCH: in the provider's batch API. -: none, or unknown. ?: unknown.
      """
    return
      "\(TextTable(header: head, rows: rows, alignments: [.left, .left], lineWidth: lineWidth))\n\n\(legend.wrapped(to: 80))"
  }
}
