import Backfill
import Foundation

/// What was billed for a reply, as the database's spool keeps it: a ledger that has lost its own receipt counts it by this.
struct SpoolReceipt: Codable, Equatable {
  let requestID: String?
  let inputs: Int
  let tokens: Int
  /// Whether the tokens were counted here.
  let isCounted: Bool
  /// In dollars, as what a budget counts; both nil where no price is known.
  let cost: Double?
  let spent: Double?
  let fittedRows: Int
  let isPlacedByOrder: Bool
  let receivedAt: Date

  /// The reply as it was, but for what only the run that asked for it needs.
  func reply(_ vectors: Vectors) -> EmbeddingReply {
    var reply = EmbeddingReply(vectors: vectors, billedTokens: isCounted ? nil : tokens, requestID: requestID)
    reply.isPlacedByOrder = isPlacedByOrder
    return reply
  }
}
