extension Metric {
  /// What it says, in one sentence, as `/metrics` and the documentation have it.
  package var meaning: String {
    switch self {
    case .runInfo: "Always 1; its labels say which job, model and version this is."
    case .runStart: "When this process began its run, in seconds since 1970."
    case .runActive: "1 while rows are being filled or waited for, 0 before and after."
    case .rounds: "Rounds that have ended: one for a run, more with --follow."
    case .lastSuccess: "When a run of the job last ended complete, in seconds since 1970; missing where none has."
    case .exitCode: "How the run ended, as in docs/exit-codes.md; missing until it has."
    case .rowsWritten: "Rows whose vector was written."
    case .rowsRecovered: "Of the rows written, those from the spool of an earlier run, without a call."
    case .rowsChanged: "Rows that were edited, deleted or filled by others before their vector was written."
    case .rowsCondemned: "Rows that this process has put into quarantine, by the reason."
    case .rowsLeft: "Rows that still have to be filled; missing until they are counted."
    case .rowsQuarantined: "Rows that are in quarantine, by the last sweep."
    case .rowsExcluded: "Rows with a blank text, by the last sweep."
    case .requests: "Requests to the provider that have ended, by their outcome: answered, or the kind of failure."
    case .retries: "Requests that were sent again."
    case .requestDuration: "How long the provider took for a request that it answered."
    case .inFlight: "Requests that are in flight."
    case .concurrency: "Requests that may be in flight just now."
    case .requestLimit: "Requests a minute that hold just now; missing where no limit is known."
    case .tokenLimit: "Tokens a minute that hold just now; missing where no limit is known."
    case .tokensBilled: "Tokens that the provider has billed."
    case .tokensEstimated: "What those tokens were counted or estimated to be before they were sent."
    case .cost: "Dollars that this process has spent; missing where the model's price is unknown."
    case .spent: "Dollars that all runs of the job have spent, what may have been paid included."
    case .reserved: "Dollars that the requests in flight may cost at most."
    case .budget: "Dollars that the job may spend over all its runs; missing without a budget."
    case .possiblyPaid: "Requests that may have been billed though no reply came."
    case .waiting: "1 while nothing is sent for that reason, 0 when that is over."
    case .throttled: "Seconds in which nothing was sent because the provider failed or had asked to wait."
    }
  }
}
