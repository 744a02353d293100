import Backfill

/// What differs from one batch API to another of the same kind.
package struct BatchOptions: Sendable {
  /// What one file may hold.
  package var limits: BatchFileLimits
  /// How long the provider has for a batch, in hours; what isn't done then expires.
  package var windowHours: Int

  /// How much the provider's clock may be behind, in seconds: a batch isn't looked for in what is older than its intent.
  static let clockSlack = 3_600.0

  package init(limits: BatchFileLimits, windowHours: Int = 24) {
    self.limits = limits
    self.windowHours = windowHours
  }
}
