import Foundation

/// How many tokens may be under way in batches: what the job says, and half of what a provider has refused of late.
package struct EnqueuedLimit: Equatable, Sendable {
  /// What was under way with a batch that was refused as too much.
  package struct Refusal: Equatable, Sendable {
    package let tokens: Int
    package let time: Date

    package init(tokens: Int, time: Date) {
      self.tokens = tokens
      self.time = time
    }
  }

  /// The most by the job; nil where it is unknown.
  package let told: Int?
  /// The last one; nil for none.
  package let refusal: Refusal?

  /// A refusal counts for so many seconds: other users of the account may have had the room.
  private static let lasts = 86_400.0

  package init(told: Int?, refusal: Refusal?) {
    self.told = told
    self.refusal = refusal
  }

  /// nil for no bound.
  package func most(at now: Date) -> Int? {
    let learned = refusal.flatMap { refusal in
      now.timeIntervalSince(refusal.time) < EnqueuedLimit.lasts ? max(1, refusal.tokens / 2) : nil
    }
    return [told, learned].compactMap(\.self).min()
  }
}
