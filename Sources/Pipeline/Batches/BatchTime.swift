import Foundation

/// What the work with batches needs of time. Batches outlive runs, so it is the wall clock's.
package struct BatchTime: Sendable {
  let now: @Sendable () -> Date
  let sleep: @Sendable (Duration) async throws -> Void

  package init(
    now: @escaping @Sendable () -> Date = { Date() },
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    self.now = now
    self.sleep = sleep
  }
}
