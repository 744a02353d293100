import Backfill

/// Says the first of many like warnings.
package final class OneWarning: Sendable {
  private let hasSaid = Locked(false)
  private let tell: @Sendable (String) -> Void

  package init(_ tell: @escaping @Sendable (String) -> Void) {
    self.tell = tell
  }

  package func say(_ text: String) {
    let isFirst = hasSaid.withLock { hasSaid in
      defer { hasSaid = true }
      return !hasSaid
    }
    if isFirst { tell(text) }
  }
}
