import Foundation

/// How long a lock that another process holds on the file is waited for.
///
/// SQLite locks the whole file, so no single row is in the way: what holds it is waited for as PostgreSQL's lost
/// connections and conflicts are, and ended by a cancellation at once.
struct SQLitePatience: Sendable {
  /// The default is 40 s.
  var limit: Duration = .seconds(40)

  /// Waits a moment before the lock is tried again for the `tries`th time, counted from 0; false to give up.
  ///
  /// Blocks its thread: it is called by SQLite, on the queue of its connection.
  func waits(tries: Int, isCancelled: () -> Bool) -> Bool {
    guard waited(tries) < limit, !isCancelled() else { return false }
    Thread.sleep(forTimeInterval: delay(tries) / .seconds(1))
    return !isCancelled()
  }

  /// From 1 ms up to 25 ms, so that a file that many use is got between two of their writes.
  private func delay(_ tries: Int) -> Duration { .milliseconds(min(tries + 1, 25)) }

  private func waited(_ tries: Int) -> Duration {
    let short = min(tries, 24)
    return .milliseconds(short * (short + 1) / 2 + (tries - short) * 25)
  }
}
