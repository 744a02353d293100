import Backfill
import Foundation
import Ledger

/// What `status` and `batch list` show of a batch.
struct BatchReport: Encodable {
  /// The provider's id of it; nil where it hasn't told any.
  let batch: String?
  let file: String
  /// As the ledger has it: intended, uploaded, submitted, fetched, refused, overEnqueued or lost.
  let state: String
  /// What the provider called its state last.
  let told: String?
  let rows: Int
  let lines: Int
  let tokens: Int
  /// The most that it can cost, in dollars.
  let reservedUsd: Double?
  let submittedAt: Date
  /// Whether the provider will soon delete what it brings.
  let expiresSoon: Bool
  let reason: String?

  init(_ batch: SubmittedBatch, told: String? = nil, at now: Date) {
    self.batch = batch.batchID
    file = batch.intent.fileName
    state = batch.state.rawValue
    self.told = told ?? batch.told
    rows = batch.rows
    lines = batch.lines
    tokens = batch.tokens
    reservedUsd = batch.state.isOpen ? batch.reservation : nil
    submittedAt = batch.intent.madeAt
    expiresSoon = batch.isExpiring(at: now)
    reason = batch.reason
  }

  /// Its state in words.
  var standing: String {
    let shown = told.map { " (\($0))" } ?? ""
    switch state {
    case SubmittedBatch.State.uploaded.rawValue: return "asked for, and not shown by the provider yet"
    case SubmittedBatch.State.submitted.rawValue: return "with the provider\(shown)"
    case SubmittedBatch.State.overEnqueued.rawValue: return "refused: more is enqueued than may be"
    default: return state + (reason.map { ": \($0)" } ?? "")
    }
  }

  /// One line of `status`.
  var line: String {
    let warning =
      expiresSoon
      ? "; fetch it now: the provider deletes it after \(BatchTerms.daysKept) days" : ""
    return "\(batch ?? file): \(rows.of("row")), \(standing), since \(submittedAt.stamp(isShort: true))\(warning)"
  }
}
