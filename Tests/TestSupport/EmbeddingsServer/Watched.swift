import Backfill

extension EmbeddingsServer {
  /// A value that tests can wait on, so that none has to sleep.
  package final class Watched<State: Sendable>: Sendable {
    private struct Waiter {
      let isReady: @Sendable (State) -> Bool
      let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Content {
      var state: State
      var waiters: [Int: Waiter] = [:]
      var nextID = 0
    }

    private let content: Locked<Content>

    package init(_ state: State) {
      content = Locked(Content(state: state))
    }

    package var value: State { content.withLock(\.state) }

    @discardableResult
    package func update<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
      let (result, ready) = content.withLock { content in
        let result = body(&content.state)
        let ready = content.waiters.filter { $0.value.isReady(content.state) }
        for id in ready.keys { content.waiters[id] = nil }
        return (result, ready.values.map(\.continuation))
      }
      for continuation in ready { continuation.resume() }
      return result
    }

    /// Returns once `isReady` holds; throws a `CancellationError` where the task is cancelled before.
    package func wait(until isReady: @escaping @Sendable (State) -> Bool) async throws {
      let id = content.withLock { content in
        content.nextID += 1
        return content.nextID
      }
      try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
          let outcome: Result<Void, any Error>? = content.withLock { content in
            if isReady(content.state) { return .success(()) }
            if Task.isCancelled { return .failure(CancellationError()) }
            content.waiters[id] = Waiter(isReady: isReady, continuation: continuation)
            return nil
          }
          if let outcome { continuation.resume(with: outcome) }
        }
      } onCancel: {
        content.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
      }
    }
  }

  /// Holds requests until a test opens it, and for good from then on.
  package final class Gate: Sendable {
    private let isOpen = Watched(false)

    package init() {}

    package func open() { isOpen.update { $0 = true } }

    func wait() async throws { try await isOpen.wait { $0 } }
  }
}
