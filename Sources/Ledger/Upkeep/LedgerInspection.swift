import Backfill

/// What an inspection of a ledger has found.
package struct LedgerInspection: Sendable {
  /// The version of vecfill's schema that the file has.
  package internal(set) var version = 0
  /// Whether that is an earlier one than this vecfill's: the next run brings it up.
  package internal(set) var isOlder = false
  package internal(set) var runs = 0
  package internal(set) var batches = 0
  /// Batches whose vectors are in the spool, each with the right checksum where nothing is found.
  package internal(set) var spooled = 0
  /// Of those, the ones of a version that made no checksums.
  package internal(set) var withoutChecksum = 0
  /// What is wrong, and what to do; the worst first.
  package internal(set) var findings: [Failure] = []
}
