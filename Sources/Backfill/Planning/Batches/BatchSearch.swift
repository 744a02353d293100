import Foundation

/// When a batch that the provider doesn't show is believed not to be there: its list may be late, and a second batch would
/// be paid a second time.
package enum BatchSearch {
  /// It is looked for so many times at least.
  package static let leastLooks = 3
  /// And for so long, in seconds.
  package static let leastTime = 300.0

  /// - Parameters:
  ///   - looks: how many times it was looked for in vain, this one included.
  ///   - since: when it was asked for, or shown last.
  package static func isOver(looks: Int, since: Date, at now: Date) -> Bool {
    looks >= leastLooks && now.timeIntervalSince(since) >= leastTime
  }
}
