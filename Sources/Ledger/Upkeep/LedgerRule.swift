/// What holds in each ledger that vecfill has written, and is broken by rows that can be counted.
struct LedgerRule {
  /// What the rows are that break it, behind their number.
  let name: String
  /// Those rows, as SQL behind FROM.
  let broken: String

  private static let numbers = "('integer', 'real', 'null')"

  static let all = [
    LedgerRule(
      name: "batches are in a state that is none",
      broken: "batch WHERE state NOT IN ('requested', 'received', 'settled', 'refused', 'lost', 'submitted')"),
    LedgerRule(
      name: "runs are in a state that is none",
      broken: "run WHERE state NOT IN ('running', 'completed', 'stopped', 'failed')"),
    LedgerRule(
      name: "batches are received, and their vectors are gone",
      broken: """
        batch WHERE state = 'received' AND NOT EXISTS (
          SELECT 1 FROM spool WHERE spool.run_id = batch.run_id AND spool.number = batch.number)
        """),
    LedgerRule(
      name: "blocks of vectors are in the spool, and their batches have no use for them",
      broken: """
        spool WHERE NOT EXISTS (
          SELECT 1 FROM batch WHERE batch.run_id = spool.run_id AND batch.number = spool.number
            AND state IN ('received', 'settled'))
        """),
    LedgerRule(
      name: "batches are paid, and have no receipt",
      broken: """
        batch WHERE state IN ('received', 'settled') AND NOT EXISTS (
          SELECT 1 FROM receipt WHERE receipt.run_id = batch.run_id AND receipt.number = batch.number)
        """),
    LedgerRule(
      name: "batches wait for a provider's batch that is not there",
      broken: """
        batch WHERE state = 'submitted' AND NOT EXISTS (
          SELECT 1 FROM provider_line AS line WHERE line.run_id = batch.run_id AND line.number = batch.number)
        """),
    LedgerRule(
      name: "receipts hold what is no sum",
      broken: """
        receipt WHERE typeof(cost) NOT IN \(numbers) OR typeof(spent) NOT IN \(numbers)
          OR typeof(received_at) NOT IN ('integer', 'real') OR typeof(billed_tokens) <> 'integer'
          OR typeof(inputs) <> 'integer' OR inputs < 0 OR requests < 0 OR cost < 0 OR spent < 0
        """),
    LedgerRule(
      name: "batches hold what is no count",
      broken: """
        batch WHERE typeof(possibly_paid) <> 'integer' OR possibly_paid < 0 OR typeof(inputs) <> 'integer'
          OR typeof(reservation) NOT IN \(numbers)
        """),
    LedgerRule(
      name: "rows are in quarantine without the text's digest",
      broken: "quarantine WHERE typeof(digest) <> 'blob' OR length(digest) <> 32"),
  ]
}
