import Backfill
import Foundation
import Pipeline

/// What is known of the run of this process, for all who watch it.
///
/// The run writes to it and others read it, at any time and from any thread. Neither can fail or wait for long.
package final class RunMonitor: Sendable {
  package let facts: RunFacts
  private let store: MetricStore
  private let metrics: RunMetrics
  private let began = ContinuousClock.now
  private let state = Locked(State())

  private struct State {
    var board: ProgressBoard?
    /// Whether the round of `board` has ended, and whether all was filled then.
    var hasRoundEnded = false
    var isFilled = false
    var history = RunHistory()
    var condemned: [RunPicture.CondemnedKey] = []
    var exitCode: Int32?
    var isSkipped = false
  }

  /// Quarantined rows that the page shows.
  private static let mostRows = 20

  /// - Parameter lastSuccess: when a run of the job last ended complete, where one is known.
  package init(_ facts: RunFacts, lastSuccess: Date? = nil) {
    self.facts = facts
    store = MetricStore(common: [.init("job", facts.job), .init("model", facts.model)])
    metrics = RunMetrics(
      store, version: facts.version, at: facts.start.timeIntervalSince1970,
      lastSuccess: lastSuccess?.timeIntervalSince1970)
  }

  /// The metrics as they are now.
  package func families() -> [MetricFamily] {
    metrics.update()
    return store.families
  }

  /// Whether the columns are locked and their filling has begun, and nobody has asked it to stop.
  package var isReady: Bool {
    let (board, isFilled, exitCode) = state.withLock { ($0.board, $0.isFilled, $0.exitCode) }
    guard let progress = board?.current, exitCode == nil else { return false }
    // A round that has ended was brought to its end, which isn't a stop.
    return isFilled || progress.hasBegun && !progress.isStopping
  }

  /// Whether files and receivers are told of it. A run that has not begun, as it waits for its locks, would take the place of
  /// the one that has them; one that is left to another is never told.
  var isTold: Bool { state.withLock { $0.board != nil || $0.exitCode != nil && !$0.isSkipped } }

  /// The run is left to another process.
  package func skip() { state.withLock { $0.isSkipped = true } }

  /// Begins with a round, which reports its progress on `board`.
  package func beginRound(_ board: ProgressBoard) {
    metrics.beginRound(board)
    state.withLock { state in
      state.board = board
      state.hasRoundEnded = false
      state.isFilled = false
    }
  }

  package func endRound(isComplete: Bool, at date: Date = Date()) {
    metrics.endRound(success: isComplete ? date.timeIntervalSince1970 : nil)
    state.withLock { state in
      guard let progress = state.board?.current else { return }
      state.history.add(progress, at: began.duration(to: .now))
      state.history.endRound(progress)
      state.hasRoundEnded = true
      state.isFilled = isComplete
    }
  }

  /// The process ends with `exitCode`; what is left is to tell it.
  package func end(_ exitCode: ExitCode) {
    metrics.end(exitCode: exitCode.rawValue)
    state.withLock { $0.exitCode = exitCode.rawValue }
  }

  /// Takes note of how far the run is, for the charts.
  func look() {
    state.withLock { state in
      guard !state.hasRoundEnded, let progress = state.board?.current, progress.hasBegun else { return }
      state.history.add(progress, at: began.duration(to: .now))
    }
  }

  /// Hears of the run's requests.
  package var observer: RunObserver {
    RunObserver { [metrics] _, receipt in
      metrics.tell(answeredAfter: receipt.latency)
    } requestFailed: { [metrics] failure in
      metrics.tell(failure: failure.kind)
    } condemned: { [self] rows in
      metrics.tell(condemned: rows)
      keep(rows)
    } counted: { _, _ in
    }
  }

  private func keep(_ rows: [CondemnedRow]) {
    let shown = rows.suffix(RunMonitor.mostRows).reversed().map { row in
      RunPicture.CondemnedKey(
        table: facts.tables.indices.contains(row.source) ? facts.tables[row.source] : "", key: row.key.description,
        cause: row.condemnation.cause.words, reason: row.condemnation.reason)
    }
    state.withLock { $0.condemned = Array((shown + $0.condemned).prefix(RunMonitor.mostRows)) }
  }

  /// What the page shows now.
  var picture: RunPicture {
    let families = families()
    let state = state.withLock { $0 }
    return RunPicture(
      facts: facts, now: Date(), progress: state.board?.current ?? RunProgress.unbegun,
      phase: state.board?.currentPhase ?? "",
      isFilled: state.isFilled, history: state.history,
      latencies: RunPicture.percentiles.compactMap {
        store.seconds(of: .requestDuration, atPercentile: $0.0)
      },
      requests: RunMonitor.counts(.requests, "outcome", families).map { (outcome: $0.0, count: $0.1) },
      quarantine: RunMonitor.counts(.rowsCondemned, "reason", families).map { (reason: $0.0, count: $0.1) },
      condemned: state.condemned, exitCode: state.exitCode)
  }

  /// What a metric counts that isn't zero, by the value of a label, the most first.
  private static func counts(_ metric: Metric, _ label: String, _ families: [MetricFamily]) -> [(String, Int)] {
    let series = families.first { $0.metric == metric }?.series ?? []
    return series.compactMap { series in
      guard case .number(let number) = series.value, number > 0 else { return nil }
      return (series.labels.first { $0.name == label }?.value ?? "", Int(number))
    }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
  }
}
