import Backfill

/// What one check of `vecfill check` found.
struct Finding: Equatable, Sendable {
  enum Mark: String, Encodable, Sendable, CaseIterable {
    case ok, warning, failed, skipped
  }

  /// What was looked at, in a word or two, e.g. "key".
  let check: String
  let mark: Mark
  /// What was found.
  let found: String
  /// What to do next; nil where nothing is to be done.
  let next: String?
  /// What a run would fail with; only of a failed check.
  let exitCode: ExitCode?

  private init(_ check: String, _ mark: Mark, _ found: String, _ next: String?, _ exitCode: ExitCode? = nil) {
    (self.check, self.mark, self.found, self.next, self.exitCode) = (check, mark, found, next, exitCode)
  }

  static func ok(_ check: String, _ found: String) -> Finding { Finding(check, .ok, found, nil) }

  static func warning(_ check: String, _ found: String, next: String) -> Finding {
    Finding(check, .warning, found, next)
  }

  static func failed(_ check: String, _ exitCode: ExitCode, _ found: String, next: String) -> Finding {
    Finding(check, .failed, found, next, exitCode)
  }

  static func failed(_ check: String, _ failure: Failure) -> Finding {
    Finding(
      check, .failed, "\(failure.subject): \(failure.reason)", failure.remedy ?? "correct it and check again",
      failure.exitCode)
  }

  /// It can't be told, since what it needs is missing or was not asked for.
  static func skipped(_ check: String, _ why: String) -> Finding { Finding(check, .skipped, why, nil) }
}
