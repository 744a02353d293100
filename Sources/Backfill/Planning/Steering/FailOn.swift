/// When rows in quarantine make a run end with `ExitCode.quarantined`, once there are more than it allows.
package enum FailOn: String, CaseIterable, Sendable {
  /// Whenever there are.
  case quarantined
  /// When one of them was put there since the job was last complete.
  case new
  case never
}
