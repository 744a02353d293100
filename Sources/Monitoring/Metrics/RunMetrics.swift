import Backfill
import CoreMetrics
import Pipeline

/// Tells swift-metrics what a run does.
///
/// What a run counts itself is taken from its progress, by how much it has grown since it was looked at last; a round of
/// `--follow` begins at zero, and the counters go on.
final class RunMetrics: Sendable {
  private struct State {
    var board: ProgressBoard?
    var last = RunProgress.unbegun
    var gauges: MetricGauges
    var cost: FloatingPointCounter?
  }

  private let factory: MetricStore
  private let duration: Timer
  private let answered: Counter
  private let failed: [EmbeddingFailure.Kind: Counter]
  private let counters: [Metric: Counter]
  private let throttled: FloatingPointCounter
  private let state: Locked<State>

  init(_ factory: MetricStore, version: String, at start: Double, lastSuccess: Double?) {
    self.factory = factory
    duration = Timer(label: Metric.requestDuration.rawValue, factory: factory)
    answered = RunMetrics.requests("answered", factory)
    failed = Dictionary(
      uniqueKeysWithValues: EmbeddingFailure.Kind.allCases.map {
        ($0, RunMetrics.requests(MetricGauges.label($0.rawValue), factory))
      })
    let plain: [Metric] = [
      .rounds, .rowsWritten, .rowsRecovered, .rowsChanged, .retries, .tokensBilled, .tokensEstimated, .possiblyPaid,
    ]
    counters = Dictionary(
      uniqueKeysWithValues: plain.map { ($0, Counter(label: $0.rawValue, factory: factory)) })
    throttled = FloatingPointCounter(label: Metric.throttled.rawValue, factory: factory)
    Meter(label: Metric.runInfo.rawValue, dimensions: [("version", version)], factory: factory).set(1)
    var gauges = MetricGauges(factory)
    gauges.set(.runStart, start)
    gauges.set(.runActive, 0)
    gauges.set(.lastSuccess, lastSuccess)
    state = Locked(State(gauges: gauges))
  }

  func tell(answeredAfter latency: Duration) {
    answered.increment()
    duration.recordNanoseconds(Int64(min(max(0, latency.seconds), 86_400) * 1e9))
  }

  func tell(failure kind: EmbeddingFailure.Kind) {
    failed[kind]?.increment()
  }

  func tell(condemned rows: [CondemnedRow]) {
    for row in rows {
      let reason = MetricGauges.label(row.condemnation.cause.description)
      Counter(label: Metric.rowsCondemned.rawValue, dimensions: [("reason", reason)], factory: factory).increment()
    }
  }

  /// Takes over how far the run has come, and returns it. Whoever looks at the same time waits: an older look after a
  /// newer one would count twice.
  @discardableResult
  func update() -> RunProgress {
    state.withLock { state in
      guard let progress = state.board?.current else { return state.last }
      count(from: state.last.tally, to: progress.tally)
      if let cost = progress.tally.cost {
        let counter = state.cost ?? FloatingPointCounter(label: Metric.cost.rawValue, factory: factory)
        state.cost = counter
        counter.increment(by: max(0, cost - (state.last.tally.cost ?? 0)))
      }
      state.last = progress
      if progress.hasBegun { state.gauges.show(progress) }
      return progress
    }
  }

  private func count(from old: Tally, to new: Tally) {
    grow(.rowsWritten, old.written, new.written)
    grow(.rowsRecovered, old.recovered, new.recovered)
    grow(.rowsChanged, old.changed, new.changed)
    grow(.retries, old.retries, new.retries)
    grow(.tokensBilled, old.billedTokens, new.billedTokens)
    grow(.tokensEstimated, old.estimatedTokens, new.estimatedTokens)
    grow(.possiblyPaid, old.possiblyPaid, new.possiblyPaid)
    throttled.increment(by: max(0, (new.throttled - old.throttled).seconds))
  }

  private func grow(_ metric: Metric, _ old: Int, _ new: Int) {
    if new > old { counters[metric]?.increment(by: new - old) }
  }

  /// Begins with a round, whose progress counts from zero on `board`.
  func beginRound(_ board: ProgressBoard) {
    update()
    state.withLock { state in
      state.board = board
      state.last = RunProgress.unbegun
      state.gauges.set(.runActive, 1)
    }
  }

  /// - Parameter success: when the round ended complete, in seconds since 1970; nil where it did not.
  func endRound(success: Double?) {
    update()
    counters[.rounds]?.increment()
    if let success { state.withLock { $0.gauges.set(.lastSuccess, success) } }
  }

  func end(exitCode: Int32) {
    update()
    state.withLock { state in
      // What is shown from now on is the end.
      state.board = nil
      state.gauges.set(.exitCode, Double(exitCode))
      state.gauges.set(.runActive, 0)
      state.gauges.set(.inFlight, 0)
      state.gauges.set(.reserved, 0)
      state.gauges.setWaiting(nil)
    }
  }

  private static func requests(_ outcome: String, _ factory: MetricStore) -> Counter {
    Counter(label: Metric.requests.rawValue, dimensions: [("outcome", outcome)], factory: factory)
  }
}
