import Backfill

/// How far a run has come, for whoever shows it.
package struct RunProgress: Sendable {
  package var tally = Tally()
  /// Rows that need nothing more.
  package var done = 0
  package var inFlight = 0
  /// How many requests may be in flight just now.
  package var concurrency = 0
  /// The limits a minute that hold just now; nil where none is known.
  package var limits = Job.Limits()
  /// Dollars that all runs of the job have spent, and those that requests in flight may cost at most.
  package var spent = 0.0
  package var reserved = 0.0
  /// Dollars that the job may spend over all its runs; nil for no bound.
  package var budget: Double?
  /// Why nothing is sent just now; nil while work goes on.
  package var waiting: Waiting?
  /// Why nothing may be begun, in words, e.g. "replica lag 12 s > 5 s"; nil where it may.
  package var held: String?
  /// Since when, on the run's clock, the provider keeps it from sending anything.
  package var throttledSince: Duration?
  package var isStopping = false
  /// Whether the rows have been begun with.
  package var hasBegun = false

  /// What it waits for, in words; nil while work goes on.
  package var waitingWords: String? { waiting.map(words) }

  /// A wait in words: why the run is held, where it is that.
  package func words(of waiting: Waiting) -> String { waiting.isHeld ? held ?? waiting.words : waiting.words }

  /// What of `elapsed` the run could work: its rate is that of this time.
  package func worked(of elapsed: Duration) -> Duration {
    elapsed - tally.throttled - (throttledSince.map { max(.zero, elapsed - $0) } ?? .zero)
  }
}

extension RunProgress {
  /// That of a run that hasn't begun.
  package static let unbegun = RunProgress()
}

/// Where a run puts its progress, for others to look at.
package final class ProgressBoard: Sendable {
  private let progress = Locked(RunProgress())
  private let phase = Locked("")

  package init() {}

  package var current: RunProgress { progress.withLock { $0 } }

  /// What goes on in place of the rows, in words; empty while they are filled.
  package var currentPhase: String { phase.withLock { $0 } }

  package func show(phase text: String) {
    phase.withLock { $0 = text }
  }

  func update(from conductor: Conductor) {
    show(conductor.progress)
  }

  package func show(_ new: RunProgress) {
    progress.withLock { $0 = new }
  }
}

extension Conductor {
  fileprivate var progress: RunProgress {
    RunProgress(
      tally: tally, done: done, inFlight: inFlight, concurrency: concurrency, limits: limits, spent: spending.spent,
      reserved: spending.reserved, budget: spending.budget?.usd, waiting: waiting, held: hold?.reason,
      throttledSince: throttledSince,
      isStopping: isStopping, hasBegun: true)
  }
}
