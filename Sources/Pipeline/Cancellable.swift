import Backfill

/// Work that can be cancelled apart from the task that waits for it, any number of pieces side by side.
final class Cancellable: Sendable {
  private struct State {
    var isCancelled = false
    var cancels: [Int: @Sendable () -> Void] = [:]
    var begun = 0
  }

  private let state = Locked(State())

  /// Cancels what is under way, and what comes later at once.
  func cancel() {
    let cancels = state.withLock { state in
      state.isCancelled = true
      return Array(state.cancels.values)
    }
    for cancel in cancels { cancel() }
  }

  /// Returns what `body` makes of it, also where it was cancelled.
  func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
    let task = Task { await body() }
    let (number, isCancelled) = state.withLock { state in
      state.begun += 1
      state.cancels[state.begun] = { task.cancel() }
      return (state.begun, state.isCancelled)
    }
    if isCancelled { task.cancel() }
    let value = await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      task.cancel()
    }
    state.withLock { $0.cancels[number] = nil }
    return value
  }
}
