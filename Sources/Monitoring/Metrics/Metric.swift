/// Every metric of a run, by the name that it has everywhere. `docs/monitoring.md` has the same table.
package enum Metric: String, CaseIterable, Sendable {
  case runInfo = "vecfill_run_info"
  case runStart = "vecfill_run_start_timestamp_seconds"
  case runActive = "vecfill_run_active"
  case rounds = "vecfill_rounds_total"
  case lastSuccess = "vecfill_last_success_timestamp_seconds"
  case exitCode = "vecfill_exit_code"
  case rowsWritten = "vecfill_rows_written_total"
  case rowsRecovered = "vecfill_rows_recovered_total"
  case rowsChanged = "vecfill_rows_changed_meanwhile_total"
  case rowsCondemned = "vecfill_rows_quarantined_total"
  case rowsLeft = "vecfill_rows_left"
  case rowsQuarantined = "vecfill_quarantined_rows"
  case rowsExcluded = "vecfill_excluded_rows"
  case requests = "vecfill_requests_total"
  case retries = "vecfill_retries_total"
  case requestDuration = "vecfill_request_duration_seconds"
  case inFlight = "vecfill_requests_in_flight"
  case concurrency = "vecfill_concurrency"
  case requestLimit = "vecfill_limit_requests_per_minute"
  case tokenLimit = "vecfill_limit_tokens_per_minute"
  case tokensBilled = "vecfill_tokens_billed_total"
  case tokensEstimated = "vecfill_tokens_estimated_total"
  case cost = "vecfill_cost_dollars_total"
  case spent = "vecfill_spent_dollars"
  case reserved = "vecfill_reserved_dollars"
  case budget = "vecfill_budget_dollars"
  case possiblyPaid = "vecfill_possibly_paid_requests_total"
  case waiting = "vecfill_waiting"
  case throttled = "vecfill_throttled_seconds_total"

  package enum Kind: String, Sendable {
    /// Only grows while the process lives.
    case counter
    case gauge
    case histogram
  }

  package var kind: Kind {
    if self == .requestDuration { return .histogram }
    return rawValue.hasSuffix("_total") ? .counter : .gauge
  }

  /// The labels that its series have beside `job` and `model`, which all have.
  package var labels: [String] {
    switch self {
    case .runInfo: ["version"]
    case .requests: ["outcome"]
    case .rowsCondemned, .waiting: ["reason"]
    default: []
    }
  }

  /// Its unit as OpenTelemetry writes it; what is in braces is counted.
  package var unit: String {
    switch self {
    case .runInfo, .runActive, .exitCode, .waiting: "1"
    case .runStart, .lastSuccess, .requestDuration, .throttled: "s"
    case .rounds: "{round}"
    case .rowsWritten, .rowsRecovered, .rowsChanged, .rowsCondemned, .rowsLeft, .rowsQuarantined, .rowsExcluded:
      "{row}"
    case .requests, .retries, .inFlight, .concurrency, .requestLimit, .possiblyPaid: "{request}"
    case .tokenLimit, .tokensBilled, .tokensEstimated: "{token}"
    case .cost, .spent, .reserved, .budget: "{dollar}"
    }
  }
}
