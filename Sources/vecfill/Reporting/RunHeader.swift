import Backfill
import Foundation
import Ledger

/// What a run is about to do: a few lines for a person, the event `run_started` for a machine.
struct RunHeader: Encodable {
  struct Column: Encodable {
    let table: String
    let column: String
  }

  let job: String
  /// Without a password.
  let database: String
  let columns: [Column]
  let model: String
  let dimensions: Int
  let provider: String
  /// nil where it is unknown.
  let usdPerMillionTokens: Double?
  let budgetUsd: Double?
  /// Dollars that all earlier runs of the job have spent, or may have spent; with `share: database` those of all that share.
  let spentUsd: Double
  private let isShared: Bool
  /// The job's own limits a minute; nil where only the provider's hold.
  let requestsPerMinuteLimit: Int?
  let tokensPerMinuteLimit: Int?
  let batchSize: Int
  let concurrency: Int
  let ledger: String
  /// Whether earlier runs left work that this one goes on with.
  let resumed: Bool
  let resumedRowsDone: Int?
  let resumedRowsTotal: Int?

  /// - Parameter spentByAll: what all that share the budget have spent; nil where nobody else does.
  init(
    _ job: Job, on database: String, _ begun: Ledger.BegunRun, ledger: String, spentByAll: Double? = nil
  ) {
    isShared = spentByAll != nil
    self.job = job.name
    self.database = database
    columns = job.sources.map { Column(table: $0.name, column: $0.vector) }
    model = job.model.name
    dimensions = job.model.dimensions
    provider = job.model.provider
    usdPerMillionTokens = job.model.usdPerMillionTokens
    budgetUsd = job.budget?.usd
    spentUsd = max(begun.spent, spentByAll ?? 0)
    requestsPerMinuteLimit = job.limits.requestsPerMinute
    tokensPerMinuteLimit = job.limits.tokensPerMinute
    batchSize = job.batchSize
    concurrency = job.concurrency
    self.ledger = ledger
    resumed = begun.resumed != nil
    resumedRowsDone = begun.resumed?.done
    resumedRowsTotal = begun.resumed?.total
  }

  private enum CodingKeys: String, CodingKey {
    case job, database, columns, model, dimensions, provider, usdPerMillionTokens, budgetUsd, spentUsd
    case requestsPerMinuteLimit, tokensPerMinuteLimit, batchSize, concurrency, ledger, resumed, resumedRowsDone
    case resumedRowsTotal
  }

  /// "fresh", or "resumed: 900 of 3,502 rows done".
  private var beginning: String {
    guard let done = resumedRowsDone else { return "fresh" }
    guard done > 0 else { return "resumed: no row done yet" }
    return resumedRowsTotal.map { "resumed: \(done.grouped) of \($0.of("row")) done" }
      ?? "resumed: \(done.of("row")) done"
  }

  private var price: String {
    switch usdPerMillionTokens {
    case nil: "price unknown"
    case 0?: "free"
    case let price?: "\(price.price)/M tokens"
    }
  }

  private var limits: String {
    let parts = [
      requestsPerMinuteLimit.map { "\($0.short) requests/min" }, tokensPerMinuteLimit.map { "\($0.short) tokens/min" },
      "\(concurrency.of("request")) at once, \(batchSize.of("text")) each",
    ]
    return parts.compactMap(\.self).joined(separator: ", ")
  }

  private var figures: [(String, String)] {
    var rows = [
      ("database", database),
      (columns.count == 1 ? "column" : "columns", columns.map { "\($0.table).\($0.column)" }.joined(separator: ", ")),
      ("model", "\(model), \(dimensions) dimensions"),
      ("provider", "\(provider), \(price)"),
    ]
    if let budgetUsd {
      rows.append(
        ("budget", "\(budgetUsd.dollars), \(spentUsd.dollars) of it spent\(isShared ? " by all that share it" : "")"))
    }
    return rows + [("limits", limits)]
  }

  /// Aligned lines, for a terminal of so many columns.
  func text(width: Int) -> String { "\(job): \(beginning)\n\(FigureList(figures, lineWidth: width).text)" }

  /// One line, for a log.
  var line: String {
    "\(job): \(beginning); " + figures.map { "\($0) \($1)" }.joined(separator: "; ")
  }
}
