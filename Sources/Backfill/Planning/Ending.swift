/// How a run ended (P12).
package enum Ending: Equatable, Sendable {
  /// Every row that was there when the run began has a vector, or is excluded or in quarantine (P1).
  case complete
  /// As `complete`, but more rows are in quarantine than the run allows.
  case quarantined(rows: Int)
  case stopped(StopCause)
  case failed(Failure)

  package var exitCode: ExitCode {
    switch self {
    case .complete: .complete
    case .quarantined: .quarantined
    case .stopped(.interrupt): .interrupted
    case .stopped(.terminate): .terminated
    case .failed(let failure): failure.exitCode
    }
  }
}

/// Who asked a run to stop.
package enum StopCause: String, Equatable, Sendable, Codable {
  /// SIGINT.
  case interrupt
  /// SIGTERM.
  case terminate

  package var signal: String {
    switch self {
    case .interrupt: "SIGINT"
    case .terminate: "SIGTERM"
    }
  }
}
