import Backfill
import Foundation
import Pipeline

@testable import Monitoring

/// A run in the middle of its work.
func progress(written: Int = 0, tokens: Int = 0, cost: Double? = nil) -> RunProgress {
  var progress = RunProgress.unbegun
  progress.hasBegun = true
  progress.done = written
  progress.tally.total = 1_000
  progress.tally.written = written
  progress.tally.billedTokens = tokens
  progress.tally.cost = cost
  return progress
}

func monitor(job: String = "job", model: String = "m", tables: [String] = ["t"]) -> RunMonitor {
  RunMonitor(RunFacts(job: job, model: model, tables: tables, version: "1"))
}

extension RunMonitor {
  /// The values of a metric by what its own labels say; the empty text for none.
  func values(_ metric: Metric) -> [String: Double] {
    var values: [String: Double] = [:]
    for series in families().first(where: { $0.metric == metric })?.series ?? [] {
      let own = series.labels.filter { !["job", "model"].contains($0.name) }.map(\.value).joined(separator: ",")
      switch series.value {
      case .number(let number): values[own] = number
      case .latency(let latency): values[own] = Double(latency.count)
      }
    }
    return values
  }
}
