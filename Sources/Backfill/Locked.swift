import Foundation

/// A value that threads share, one at a time.
///
/// `Synchronization.Mutex` would do, but the thread sanitizer (Swift 6.3.1 on Linux) doesn't see its futex: ten lines with a
/// contended one are reported as a race. This lock is pthread's, which it knows.
package final class Locked<Value>: @unchecked Sendable {  // `value` is only reached with `lock` held
  private let lock = NSLock()
  private var value: Value

  package init(_ value: Value) {
    self.value = value
  }

  package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
