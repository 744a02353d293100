import Backfill
import CoreMetrics
import Pipeline

/// The gauges of a run; one without a value is missing.
struct MetricGauges {
  private let factory: MetricStore
  private var meters: [Metric: Meter] = [:]
  private var reasons: [String: Meter] = [:]

  init(_ factory: MetricStore) {
    self.factory = factory
  }

  mutating func show(_ progress: RunProgress) {
    let tally = progress.tally
    set(.rowsLeft, tally.total.map { Double(max(0, $0 - progress.done)) })
    set(.rowsQuarantined, Double(tally.quarantined))
    set(.rowsExcluded, tally.leavesOutBlank == true ? nil : Double(tally.excluded))
    set(.inFlight, Double(progress.inFlight))
    set(.concurrency, Double(progress.concurrency))
    set(.requestLimit, progress.limits.requestsPerMinute.map(Double.init))
    set(.tokenLimit, progress.limits.tokensPerMinute.map(Double.init))
    set(.spent, progress.spent)
    set(.reserved, progress.reserved)
    set(.budget, progress.budget)
    setWaiting(progress.waiting?.rawValue)
  }

  mutating func set(_ metric: Metric, _ value: Double?) {
    guard let value else {
      meters.removeValue(forKey: metric)?.destroy()
      return
    }
    let meter = meters[metric] ?? Meter(label: metric.rawValue, factory: factory)
    meters[metric] = meter
    meter.set(value)
  }

  /// - Parameter reason: the name of what is waited for; nil for nothing.
  mutating func setWaiting(_ reason: String?) {
    let reason = reason.map(MetricGauges.label)
    if let reason, reasons[reason] == nil {
      reasons[reason] = Meter(label: Metric.waiting.rawValue, dimensions: [("reason", reason)], factory: factory)
    }
    for (name, meter) in reasons { meter.set(name == reason ? 1 : 0) }
  }

  /// A case's name as labels are written: `rate_limited`.
  static func label(_ name: String) -> String {
    name.reduce(into: "") { label, character in
      if character.isUppercase { label += "_" }
      label += character.lowercased()
    }
  }
}
