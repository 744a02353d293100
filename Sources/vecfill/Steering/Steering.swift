import Backfill
import Foundation
import Logging
import Pipeline

/// What one process is asked while it fills, over all its rounds: by its options, the clock, a person and its gauges.
final class Steering: Sendable {
  /// What of the steering is set when the process starts.
  struct Plan: Sendable {
    var deadline: ContinuousClock.Instant?
    var until: Date?
    var hours: WorkHours?
    var bounds = Bounds()
    /// Whether work that is left is told by the exit code.
    var requiresComplete = false
    /// Whether it waits for the job's hours, and does not end outside of them.
    var follows = false
  }

  /// Why nothing new may be begun, by who says so.
  struct Holds: Sendable {
    var isPaused = false
    /// "outside its hours, 22:00-06:00".
    var hours: String?
    var gentle: String?

    /// A person's word comes first.
    var hold: Pause? {
      let stopsWriting = gentle != nil
      if isPaused { return Pause(.paused, stopsWriting: stopsWriting) }
      if let hours { return Pause(.hours, hours, stopsWriting: stopsWriting) }
      return gentle.map { Pause(.gentle, $0, stopsWriting: true) }
    }
  }

  private struct State {
    var holds = Holds()
    var terms: Terms
    var listeners: [Int: AsyncStream<Conductor.Event>.Continuation] = [:]
    var count = 0
    var board: ProgressBoard?
    var isBetweenRounds = false
  }

  let plan: Plan
  let requests: StopRequests
  private let state: Locked<State>

  init(_ plan: Plan, _ terms: Terms, _ requests: StopRequests) {
    self.plan = plan
    self.requests = requests
    state = Locked(State(terms: terms))
  }

  var terms: Terms { state.withLock { $0.terms } }
  var hold: Pause? { state.withLock { $0.holds.hold } }

  /// How far the present round has come; nil before the first.
  var progress: RunProgress? { state.withLock { $0.board }?.current }

  /// A round has begun, which reports its progress there.
  func show(_ board: ProgressBoard) {
    state.withLock { ($0.board, $0.isBetweenRounds) = (board, false) }
  }

  /// Whether a round of `--follow` has ended and the next one hasn't begun.
  var isBetweenRounds: Bool { state.withLock { $0.isBetweenRounds } }

  /// A round has ended, and rows for another one are waited for.
  func waitForRows() { state.withLock { $0.isBetweenRounds = true } }

  /// What holds just now, and what changes from then on, until the stream's reader leaves.
  func join() -> (hold: Pause?, terms: Terms, events: AsyncStream<Conductor.Event>) {
    let (events, continuation) = AsyncStream<Conductor.Event>.makeStream()
    return state.withLock { state in
      state.count += 1
      let number = state.count
      state.listeners[number] = continuation
      continuation.onTermination = { [weak self] _ in self?.leave(number) }
      return (state.holds.hold, state.terms, events)
    }
  }

  private func leave(_ number: Int) {
    state.withLock { $0.listeners[number] = nil }
  }

  /// Changes who holds the run; returns false where that is so already.
  @discardableResult
  func change(_ body: (inout Holds) -> Void) -> Bool {
    state.withLock { state in
      let before = state.holds.hold
      body(&state.holds)
      let after = state.holds.hold
      guard before != after else { return false }
      for listener in state.listeners.values { listener.yield(.held(after)) }
      return true
    }
  }

  func adjust(_ terms: Terms) {
    state.withLock { state in
      state.terms = terms
      for listener in state.listeners.values { listener.yield(.adjusted(terms)) }
    }
  }

  /// Runs `body` while the clock is watched, and what `gauges` read.
  func working<Value>(
    _ logger: Logger, gauges: (all: [Gauge], reader: GaugeReader)?, _ body: () async throws -> Value
  ) async throws -> Value {
    let timekeeper = Timekeeper(steering: self, logger: logger)
    timekeeper.begin()
    let keeper = gauges.map { GaugeKeeper($0.all, $0.reader, self, logger) }
    // What is so already holds from the first page on.
    await keeper?.look()
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await timekeeper.keep() }
      if let keeper { group.addTask { await keeper.keep() } }
      defer { group.cancelAll() }
      return try await body()
    }
  }

  /// Returns once something new may be begun. Throws where the task is cancelled.
  func untilReleased() async throws {
    let (hold, _, events) = join()
    guard hold != nil else { return }
    for await case .held(nil) in events { return }
    throw CancellationError()
  }
}
