import Backfill

/// What `--dry-run` tells.
struct DryRunReport {
  private let estimates: [(source: String, estimate: Estimate)]

  init(_ estimates: [(String, Estimate)]) {
    self.estimates = estimates
  }

  var text: String {
    let table =
      [["source", "rows", "blank", "inputs", "requests"]]
      + estimates.map { source, estimate in
        [
          source, estimate.rows.grouped, estimate.excluded.grouped, estimate.inputs.grouped, estimate.requests.grouped,
        ]
      }
    return Table(table).text + "\ndry run: nothing was written, nothing was called"
  }
}
