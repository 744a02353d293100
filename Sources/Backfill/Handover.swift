/// Resumes the task that waits in `handedOver`, once.
package struct Handover<Value: Sendable>: Sendable {
  fileprivate let continuation: CheckedContinuation<Value, any Error>
  fileprivate let order: Locked<Void>

  package func resume(with result: Result<Value, any Error>) {
    order.withLock { _ in }
    continuation.resume(with: result)
  }
}

/// Waits for what another thread makes, e.g. one that may block: `start` gets what resumes the wait.
///
/// A checked continuation would do, but the thread sanitizer (Swift 6.3.1 on Linux) doesn't see that it orders the two
/// threads where it is resumed before the task has begun to wait: ten lines with a dispatch queue are reported as a race.
/// The lock is taken on both sides for it alone.
package func handedOver<Value: Sendable>(
  isolation: isolated (any Actor)? = #isolation, _ start: (Handover<Value>) -> Void
) async throws -> Value {
  let order = Locked(())
  defer { order.withLock { _ in } }
  return try await withCheckedThrowingContinuation { start(Handover(continuation: $0, order: order)) }
}
