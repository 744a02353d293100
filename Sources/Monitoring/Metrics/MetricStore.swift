import Backfill
import CoreMetrics

/// Keeps the values that swift-metrics gets, for `/metrics`, the file and OTLP.
///
/// It holds the metrics of `Metric` alone; what else is made through it is dropped. Each call takes microseconds and none
/// can fail.
package final class MetricStore: MetricsFactory {
  private struct Key: Hashable {
    let metric: Metric
    let labels: [MetricFamily.Label]
  }

  private enum Held {
    case counted(CountedValue)
    case set(SetValue)
    case timed(TimedValue)
  }

  private let common: [MetricFamily.Label]
  private let held = Locked<[Key: Held]>([:])

  /// - Parameter common: labels that every series has.
  package init(common: [MetricFamily.Label] = []) {
    self.common = common
  }

  /// What there is, in the order of `Metric`.
  package var families: [MetricFamily] {
    let all = held.withLock { $0 }
    let byMetric = Dictionary(grouping: all) { $0.key.metric }
    return Metric.allCases.compactMap { metric in
      guard let entries = byMetric[metric] else { return nil }
      let series = entries.map { key, value in
        MetricFamily.Series(labels: common + key.labels, value: MetricStore.read(value))
      }
      return MetricFamily(metric: metric, series: series.sorted { Self.order($0) < Self.order($1) })
    }
  }

  /// The seconds below which so many percent of a metric's timings stayed; nil where there are none.
  package func seconds(of metric: Metric, atPercentile percent: Double) -> Double? {
    guard case .timed(let timed)? = held.withLock({ $0[Key(metric: metric, labels: [])] }) else { return nil }
    return timed.seconds(atPercentile: percent)
  }

  private static func read(_ held: Held) -> MetricFamily.Value {
    switch held {
    case .counted(let counted): .number(counted.current)
    case .set(let set): .number(set.current)
    case .timed(let timed): .latency(timed.current)
    }
  }

  private static func order(_ series: MetricFamily.Series) -> String {
    series.labels.map(\.value).joined(separator: "\u{1}")
  }

  private func key(_ label: String, _ dimensions: [(String, String)]) -> Key? {
    Metric(rawValue: label).map { Key(metric: $0, labels: dimensions.map { MetricFamily.Label($0.0, $0.1) }) }
  }

  /// What is there by that name, else `new`, which is kept where the name is known.
  private func kept<Value>(
    _ label: String, _ dimensions: [(String, String)], _ new: Value, _ wrap: (Value) -> Held, _ unwrap: (Held) -> Value?
  ) -> Value {
    guard let key = key(label, dimensions) else { return new }
    return held.withLock { held in
      if let present = held[key].flatMap(unwrap) { return present }
      held[key] = wrap(new)
      return new
    }
  }

  private func counted(_ label: String, _ dimensions: [(String, String)]) -> CountedValue {
    kept(label, dimensions, CountedValue(), Held.counted) { if case .counted(let value) = $0 { value } else { nil } }
  }

  private func set(_ label: String, _ dimensions: [(String, String)]) -> SetValue {
    kept(label, dimensions, SetValue(), Held.set) { if case .set(let value) = $0 { value } else { nil } }
  }

  private func drop(_ handler: AnyObject) {
    held.withLock { held in
      held = held.filter { _, value in
        switch value {
        case .counted(let counted): counted !== handler
        case .set(let set): set !== handler
        case .timed(let timed): timed !== handler
        }
      }
    }
  }

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    counted(label, dimensions)
  }

  package func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    counted(label, dimensions)
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { set(label, dimensions) }

  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    set(label, dimensions)
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    kept(label, dimensions, TimedValue(), Held.timed) { if case .timed(let value) = $0 { value } else { nil } }
  }

  package func destroyCounter(_ handler: any CounterHandler) { drop(handler) }
  package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { drop(handler) }
  package func destroyMeter(_ handler: any MeterHandler) { drop(handler) }
  package func destroyRecorder(_ handler: any RecorderHandler) { drop(handler) }
  package func destroyTimer(_ handler: any TimerHandler) { drop(handler) }
}
