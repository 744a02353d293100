import Backfill

/// The requests to stop, for each part of a run in its turn: one that came before a part began stops it too.
final class StopRequests: Sendable {
  private struct State {
    var causes: [StopCause] = []
    var listeners: [AsyncStream<StopCause>.Continuation] = []
  }

  private let state = Locked(State())

  func add(_ cause: StopCause) {
    state.withLock { state in
      state.causes.append(cause)
      for listener in state.listeners { listener.yield(cause) }
    }
  }

  /// All that came and that will come.
  var causes: AsyncStream<StopCause> {
    let (causes, continuation) = AsyncStream<StopCause>.makeStream()
    state.withLock { state in
      for cause in state.causes { continuation.yield(cause) }
      state.listeners.append(continuation)
    }
    return causes
  }

  enum Outcome<Value: Sendable>: Sendable {
    case done(Value)
    case stopped(StopCause)
  }

  /// Runs `body`, and cancels it at the first request.
  func interrupting<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Outcome<Value> {
    let causes = causes
    return try await withThrowingTaskGroup(of: Outcome<Value>?.self) { group in
      group.addTask { .done(try await body()) }
      group.addTask { await causes.first { _ in true }.map { .stopped($0) } }
      var outcome: Outcome<Value>?
      do {
        while let ended = try await group.next() {
          group.cancelAll()
          // What was done all the same counts as done.
          if case .done(let value)? = ended { return .done(value) }
          outcome = outcome ?? ended
        }
      } catch is CancellationError {}
      guard let outcome else { throw CancellationError() }
      return outcome
    }
  }
}
