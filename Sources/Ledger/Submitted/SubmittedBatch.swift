import Backfill
import Foundation
import GRDB

/// A file of requests for a provider's batch API, as the ledger knows it.
package struct SubmittedBatch: Equatable, Sendable {
  package enum State: String, Sendable, CaseIterable {
    /// Nothing was asked for yet but perhaps an upload, which costs nothing.
    case intended
    /// Its file is with the provider, and a batch of it may have been asked for.
    case uploaded
    /// The provider has told the batch's id.
    case submitted
    /// It has ended, and what there was of it is in the ledger.
    case fetched
    /// It has ended, and nothing that it brought could be read.
    case unread
    /// The provider refused it as a whole, and billed nothing.
    case refused
    /// The same, since more was enqueued than the account may have.
    case overEnqueued
    /// It was never asked for.
    case withdrawn
    /// The provider doesn't show it any more, or never did.
    case lost

    package var isOpen: Bool { [.intended, .uploaded, .submitted].contains(self) }
  }

  package let id: Int64
  package let state: State
  package let intent: BatchIntent
  package let fileID: String?
  package let batchID: String?
  /// When the provider has shown it last, or it was asked for.
  package let shownAt: Date
  /// How often it was not shown since.
  package let looks: Int
  /// What the provider calls its state; nil where it hasn't told any.
  package let told: String?
  package let outputFile: String?
  package let errorFile: String?
  package let lines: Int
  package let inputs: Int
  package let rows: Int
  package let tokens: Int
  /// Of all batches that were under way with it, its own among them.
  package let tokensUnderWay: Int
  /// The most that it can cost, in dollars; nil where the price is unknown.
  package let reservation: Double?
  package let endedAt: Date?
  /// Why it was refused, or what was lost of it.
  package let reason: String?

  init(row: Row) throws {
    func date(_ column: String) throws -> Date? {
      try row.checkedOptional(column, as: Double.self).map(Date.init(timeIntervalSince1970:))
    }
    guard let state = State(rawValue: try row.checked("state")) else {
      throw LedgerDamage(place: "provider_batch.state")
    }
    let madeAt = Date(timeIntervalSince1970: try row.checked("made_at"))
    self.state = state
    id = try row.checked("id")
    intent = BatchIntent(
      fileName: try row.checked("file_name"), nonce: try row.checked("nonce"), job: try row.checked("job"),
      madeAt: madeAt)
    fileID = try row.checkedOptional("file_id")
    batchID = try row.checkedOptional("batch_id")
    shownAt = try date("shown_at") ?? madeAt
    looks = try row.checked("looks")
    told = try row.checkedOptional("told")
    outputFile = try row.checkedOptional("output_file")
    errorFile = try row.checkedOptional("error_file")
    lines = try row.checked("lines")
    inputs = try row.checked("inputs")
    rows = try row.checked("rows")
    tokens = try row.checked("tokens")
    tokensUnderWay = try row.checked("tokens_under_way")
    reservation = try row.checkedOptional("reservation")
    endedAt = try date("ended_at")
    reason = try row.checkedOptional("reason")
  }

  /// Whether its output will soon be deleted by the provider.
  package func isExpiring(at now: Date) -> Bool {
    state.isOpen && now.timeIntervalSince(intent.madeAt) >= 86_400 * Double(BatchTerms.daysUntilWarning)
  }
}
