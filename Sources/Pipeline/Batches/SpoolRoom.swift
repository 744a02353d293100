import Backfill

/// How many lines may be in the ledger's spool that were fetched and aren't written yet: the rest of an output waits with the
/// provider, and not on this disk.
package final class SpoolRoom: Sendable {
  private struct State {
    var taken = 0
    var isClosed = false
    var waiter: CheckedContinuation<Void, any Error>?
  }

  private enum Answer {
    case taken, closed, waits
  }

  private let most: Int
  private let state = Locked(State())

  /// - Parameter most: the default is 200, which are 120 MB of vectors with 1,536 dimensions.
  package init(most: Int = 200) {
    self.most = most
  }

  /// Waits until there is room for one more, and takes it. One task waits at a time.
  ///
  /// Throws a `CancellationError` once the task is cancelled.
  func take() async throws {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let answer = state.withLock { state -> Answer in
          if state.isClosed { return .closed }
          guard state.taken < most else {
            state.waiter = continuation
            return .waits
          }
          state.taken += 1
          return .taken
        }
        switch answer {
        case .taken: continuation.resume()
        case .closed: continuation.resume(throwing: CancellationError())
        case .waits: break
        }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.isClosed = true
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(throwing: CancellationError())
    }
  }

  /// So many are written, or were never fetched.
  func release(_ count: Int) {
    guard count > 0 else { return }
    let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      state.taken = max(0, state.taken - count)
      guard state.taken < most, let waiter = state.waiter else { return nil }
      state.waiter = nil
      state.taken += 1
      return waiter
    }
    waiter?.resume()
  }
}
