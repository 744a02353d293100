import Backfill
import Configuration

/// What `vecfill estimate` shows: as text for a terminal of 80 columns, and as one JSON object.
struct EstimateReport: Encodable {
  private let job: String
  private let model: String
  private let terms: EstimateTerms
  let all: EstimateFigures
  private let sources: [EstimateFigures]

  init(job: String, _ estimates: [(source: String, estimate: Estimate)], _ terms: EstimateTerms) {
    self.job = job
    self.terms = terms
    model = terms.model.name
    var sum = Estimate()
    for (_, estimate) in estimates { sum.merge(estimate) }
    all = EstimateFigures(source: nil, sum, terms)
    sources = estimates.map { EstimateFigures(source: $0.source, $0.estimate, terms) }
  }

  private enum Keys: String, CodingKey {
    case job, model, sources
  }

  func encode(to encoder: any Encoder) throws {
    try all.encode(to: encoder)
    var keys = encoder.container(keyedBy: Keys.self)
    try keys.encode(job, forKey: .job)
    try keys.encode(model, forKey: .model)
    try keys.encode(sources, forKey: .sources)
  }

  /// What a person reads.
  var text: String {
    let heading = "\(job): \(model), \(terms.model.dimensions) dimensions; tokens \(terms.certainty)"
    var parts = [heading.wrapped(to: 80), sourceTable, FigureList(lines, lineWidth: 80).text]
    if terms.lacksVocabulary {
      parts.append("`vecfill tokenizer install` makes these estimates counts")
    }
    return (parts + ["nothing was written, nothing was called"]).joined(separator: "\n\n")
  }

  private var sourceTable: String {
    let head = ["SOURCE", "ROWS", "BLANK", "LONG", "DUPL", "TOKENS", "REQ", "COST"]
    let rows = sources.map { figures in
      [
        figures.source ?? "", count(figures.rows), figures.blank.map(count) ?? "?",
        terms.model.maxInputTokens == nil ? "?" : mark + figures.overlong.short,
        terms.isSample ? "?" : figures.duplicates.short, mark + figures.tokens.short,
        mark + figures.requests.short, figures.costUsd.map { marked($0.shortMoney) } ?? "unknown",
      ]
    }
    return TextTable(header: head, rows: rows, lineWidth: 80).description
  }

  /// What stands before a figure that is not exact: where there is nothing to do, each is.
  private var mark: String { terms.isExact || all.rows == 0 && !terms.isSample ? "" : "~" }

  /// A figure with its mark; a bound has none, nor has what is free.
  private func marked(_ figure: String) -> String { figure.hasPrefix("<") || figure == "$0" ? figure : mark + figure }

  /// A figure that is not exact, and where the true one is, if the words for both ends differ.
  private func marked(_ figure: String, from low: String, to high: String) -> String {
    low == high ? marked(figure) : "\(marked(figure)), \(low) to \(high)"
  }

  /// A count of rows is an estimate only in a sample.
  private func count(_ value: Int) -> String { (terms.isSample ? "~" : "") + value.short }

  private func full(_ value: Int) -> String { (terms.isSample ? "~" : "") + value.grouped }

  private var lines: [(String, String)] {
    var lines = [("rows to do", full(all.rows) + (terms.isSample ? " (\(all.rowsRead.grouped) were read)" : ""))]
    lines.append(("blank, left out", all.blank.map(full) ?? Tally.blankUncounted))
    if all.quarantined > 0 { lines.append(("quarantined, left out", full(all.quarantined))) }
    if all.spooled > 0 { lines.append(("paid, or with the provider", full(all.spooled))) }
    lines += [
      ("over-long", overlong),
      ("duplicates", duplicates),
      ("characters", full(all.characters)),
      ("tokens", tokens),
      (
        "tokens an input",
        "p50 \(mark)\(all.tokensMedian.grouped), p95 \(mark)\(all.tokensP95.grouped), "
          + "max \(mark)\(all.tokensMax.grouped)"
      ),
      ("requests", mark + all.requests.grouped),
      ("cost", cost),
      ("cost in the batch API", batchCost),
      ("time", time),
      ("vectors in the table", "\(terms.isSample ? "~" : "")\(all.vectorBytes.bytes)"),
    ]
    if let batchTime, let place = lines.firstIndex(where: { $0.0 == "time" }) {
      lines.insert(("time in the batch API", batchTime), at: place + 1)
    }
    if let disk = all.indexBytes, let memory = all.indexMemoryBytes, all.vectorBytes > 0 {
      let rough = terms.isSample ? "~" : ""
      lines.append(
        ("an HNSW index", "\(rough)\(disk.bytes) of disk, \(rough)\(memory.bytes) of memory to build it"))
    }
    return lines
  }

  private var overlong: String {
    guard let most = terms.model.maxInputTokens else { return "unknown: the model's limit is not known" }
    if let bytes = terms.mostBytes {
      return "\(full(all.overlong)) left out; texts above \(bytes.grouped) bytes are cut, as too_long says"
    }
    return all.overlong == 0
      ? "\(full(0)), none has more than \(most.grouped) tokens"
      : "\(full(all.overlong)) above \(most.grouped) tokens: not embedded, not billed"
  }

  private var duplicates: String {
    guard !terms.isSample else { return "unknown: a sample can't tell, so nothing is taken off" }
    guard all.duplicates > 0 else { return "none" }
    let saved = all.costUsdSaved.map { ", \(marked($0.roughDollars))" } ?? ""
    return "\(all.duplicates.grouped); sent once, which saves \(mark)\(all.tokensSaved.short) tokens\(saved)"
  }

  /// The tokens, in words.
  var tokens: String {
    guard !terms.isExact else { return "\(all.tokens.grouped), exact" }
    return marked(all.tokens.grouped, from: all.tokensLow.grouped, to: all.tokensHigh.grouped)
  }

  /// What it costs, in words.
  var cost: String {
    guard let cost = all.costUsd, let low = all.costUsdLow, let high = all.costUsdHigh else { return "price unknown" }
    guard terms.model.usdPerMillionTokens != 0 else { return "none: the model is free" }
    let price = terms.model.usdPerMillionTokens.map { " at \($0.price)/M tokens" } ?? ""
    let asOf = terms.price?.asOf.map { " (\($0))" } ?? ""
    return terms.isExact
      ? "\(cost.dollars), exact\(price)\(asOf)"
      : marked(cost.roughDollars, from: low.roughDollars, to: high.roughDollars) + price
  }

  private var batchCost: String {
    guard let batch = all.batchCostUsd else { return "none, or unknown" }
    let (shown, saved) = (marked(batch.roughDollars), all.costUsd.map { $0 - batch } ?? 0)
    return terms.batch != nil && saved > 0 ? "\(shown), which saves \(marked(saved.roughDollars))" : shown
  }

  /// What the batch API makes of it, in words; nil where there is none.
  private var batchTime: String? {
    guard let outlook = all.outlook, outlook.files > 0 else { return nil }
    var text =
      "\(outlook.leastHours.fixed(0)) to \(outlook.mostHours.fixed(0)) h; \(outlook.files.of("file")) in "
      + outlook.rounds.of("round")
    if let enqueued = terms.batch?.enqueuedTokens, outlook.rounds > 1 {
      text += " of \(enqueued.short) tokens"
    }
    if outlook.isSlower(than: all.hours) { text += "; requests are sooner done" }
    if outlook.isLong { text += "; it may take longer than a week" }
    return text
  }

  /// What the limits a minute make of it, in words.
  var time: String {
    guard let hours = all.hours, let binding = all.hoursBoundBy else {
      return "unknown: no limit a minute is set or known; set limits: in the job to see it"
    }
    let limit =
      switch binding {
      case .requests: "\(terms.limits.requestsPerMinute?.grouped ?? "") requests/min"
      case .tokens: "\(terms.limits.tokensPerMinute?.grouped ?? "") tokens/min"
      }
    return "\(mark)\(hours < 0.1 ? hours.fixed(3) : hours.fixed(1)) h at least; \(limit) binds"
  }
}
