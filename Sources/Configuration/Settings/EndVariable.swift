/// The variables that are read where a run ends, and set no `Parameter`.
package enum EndVariable: String, CaseIterable {
  case webhook = "VECFILL_WEBHOOK"
  case terminationLog = "VECFILL_TERMINATION_LOG"
}
