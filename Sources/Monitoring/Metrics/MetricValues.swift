import Backfill
import CoreMetrics
import Histogram

/// A number that only grows.
final class CountedValue: CounterHandler, FloatingPointCounterHandler {
  private let value = Locked(0.0)

  var current: Double { value.withLock { $0 } }

  func increment(by amount: Int64) { increment(by: Double(amount)) }

  func increment(by amount: Double) {
    guard amount.isFinite, amount >= 0 else { return }
    value.withLock { $0 += amount }
  }

  func reset() { value.withLock { $0 = 0 } }
}

/// A number that was set last.
final class SetValue: MeterHandler, RecorderHandler {
  private let value = Locked(0.0)

  var current: Double { value.withLock { $0 } }

  func set(_ new: Int64) { set(Double(new)) }
  func set(_ new: Double) { value.withLock { $0 = new } }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { value.withLock { $0 -= amount } }
  func record(_ new: Int64) { set(new) }
  func record(_ new: Double) { set(new) }
}

/// How long things took: for a scrape in fixed buckets, and for people as percentiles.
final class TimedValue: TimerHandler {
  private struct State {
    var latency = MetricFamily.Latency()
    /// In microseconds, up to an hour, to two digits: 1 % is as exact as anyone reads a latency, in some 20 KB.
    var histogram = Histogram<UInt64>(
      highestTrackableValue: TimedValue.most, numberOfSignificantValueDigits: .two)
  }

  private static let most: UInt64 = 3_600_000_000
  private let state = Locked(State())

  var current: MetricFamily.Latency { state.withLock(\.latency) }

  func recordNanoseconds(_ duration: Int64) {
    let seconds = Double(max(0, duration)) / 1e9
    let bounds = MetricFamily.Latency.bounds
    let bucket = bounds.firstIndex { seconds <= $0 } ?? bounds.count
    state.withLock { state in
      state.latency.count += 1
      state.latency.sum += seconds
      state.latency.counts[bucket] += 1
      state.histogram.record(min(UInt64(max(0, duration)) / 1_000, TimedValue.most))
    }
  }

  /// The seconds below which so many percent stayed; nil where nothing was timed.
  func seconds(atPercentile percent: Double) -> Double? {
    state.withLock { state in
      guard state.latency.count > 0 else { return nil }
      let micros = percent >= 100 ? state.histogram.max : state.histogram.valueAtPercentile(percent)
      return Double(micros) / 1e6
    }
  }
}
