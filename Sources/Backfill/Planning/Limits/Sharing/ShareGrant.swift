/// What a claim gave, in absolute values: the latest one says all.
package struct ShareGrant: Equatable, Sendable {
  /// How much the process may have sent in all, in this round; nil where no limit is known.
  package var requests: Double?
  package var tokens: Double?
  /// The whole of one slice. A process asks for more when less than half of it is left.
  package var slice = ShareAmount()
  /// The pool's limits a minute.
  package var limits = Job.Limits()
  /// How long to wait before the next claim.
  package var retryAfter: Duration = .zero
  /// Up to where this process's spending may go.
  package var committed = 0.0
  /// What all others have spent and reserved.
  package var others = 0.0
  /// The part of it that live processes have reserved and may yet give back.
  package var mayReturn = 0.0

  package init() {}
}
