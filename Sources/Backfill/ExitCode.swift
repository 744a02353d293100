/// How a process ended: every way to stop has its own code (P12). The table is `docs/exit-codes.md`.
package enum ExitCode: Int32, Sendable, CaseIterable {
  /// Every row that was there when the run began has a vector, or is counted as excluded or in quarantine.
  case complete = 0
  /// The command line could not be understood.
  case usage = 64
  /// The data or a reply broke its contract: a wrong dimension, a wrong count, a value that is not finite.
  case badData = 65
  /// The database or the embeddings API can't be reached, or keeps failing.
  case unavailable = 69
  /// The ledger or another local file can't be read or written.
  case localIO = 74
  /// All is done except rows that wait for a batch of the provider's: a later run goes on.
  case waiting = 75
  /// A credential was refused, or a right is missing.
  case denied = 77
  /// The job, the environment or the database's schema doesn't fit together.
  case configuration = 78
  /// Another process holds this job's lock.
  case locked = 80
  /// Ended with work left by a bound of its own or by `vecfill stop`; 0 without `--require-complete`.
  case incomplete = 81
  /// The budget, the quota or `--max-cost` stops the spending.
  case budget = 82
  /// More rows are quarantined than `--max-quarantined` allows, one of them newly; all others are done.
  case quarantined = 83
  /// Stopped by SIGINT.
  case interrupted = 130
  /// Stopped by SIGTERM.
  case terminated = 143
}
