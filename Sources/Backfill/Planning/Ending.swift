/// How a run ended (P12).
package enum Ending: Equatable, Sendable {
  /// Every row that was there when the run began has a vector, or is excluded or in quarantine (P1).
  case complete
  /// As `complete`, but more rows are in quarantine than the run allows.
  case quarantined(rows: Int)
  /// All is done except so many rows that wait for a batch of the provider's.
  case waiting(rows: Int)
  /// With work left, perhaps; what was received is in the ledger.
  case stopped(StopCause)
  case failed(Failure)

  package var exitCode: ExitCode {
    switch self {
    case .complete: .complete
    case .quarantined: .quarantined
    case .waiting: .waiting
    case .stopped(.interrupt): .interrupted
    case .stopped(.terminate), .stopped(.hangup): .terminated
    case .stopped: .incomplete
    case .failed(let failure): failure.exitCode
    }
  }

  /// The exit code of a run that a bound of its own has stopped with work left: 0 unless `isRequired`.
  package func exitCode(requiringComplete isRequired: Bool) -> ExitCode {
    exitCode == .incomplete && !isRequired ? .complete : exitCode
  }
}

/// Who or what asked a run to stop.
package enum StopCause: String, Equatable, Sendable, Codable, CaseIterable {
  /// SIGINT.
  case interrupt
  /// SIGTERM.
  case terminate
  /// SIGHUP.
  case hangup
  /// `vecfill stop`.
  case control
  case deadline
  case until
  /// The job's hours are over.
  case hours
  case rows
  case requests
  /// `vecfill batch fetch` has written what there was.
  case fetched

  package var isSignal: Bool { [.interrupt, .terminate, .hangup].contains(self) }

  /// As a person knows it.
  package var name: String {
    switch self {
    case .interrupt: "SIGINT"
    case .terminate: "SIGTERM"
    case .hangup: "SIGHUP"
    case .control: "`vecfill stop`"
    case .deadline: "--deadline"
    case .until: "--until"
    case .hours: "the job's hours"
    case .rows: "--max-rows"
    case .requests: "--max-requests"
    case .fetched: "`vecfill batch fetch`"
    }
  }
}
