/// Where processes on many hosts share a provider's limits and a budget.
package protocol SharedAllowance: Sendable {
  /// Claims a slice for `member`, in one short transaction. Waits out a database that is away for a while.
  ///
  /// Throws a `Failure` where it stays away, or the place of what is shared can't be used.
  func claim(_ ask: ShareAsk, by member: ShareMember) async throws -> ShareGrant

  /// The round ends, and has used `used` and spent `spent` dollars in all: what is left of its slice, and what it had
  /// reserved, is free.
  func release(_ used: ShareAmount, spent: Double, by member: ShareMember) async throws
}
