import Backfill
import Ledger

/// The vectors that were received and wait for their write, as far as there is memory for them (P8). The others are read
/// from the ledger's spool.
struct KeptReplies {
  private var replies: [BatchID: SpooledBatch] = [:]
  private var bytes = 0

  private static let mostBytes = 32 << 20

  /// - Parameter isOnlyHere: whether it has to be kept whatever its size.
  mutating func add(_ reply: SpooledBatch, of id: BatchID, isOnlyHere: Bool) {
    guard isOnlyHere || bytes + reply.vectorBytes <= Self.mostBytes else { return }
    replies[id] = reply
    bytes += reply.vectorBytes
  }

  /// Gives a reply away; nil where it was not kept.
  mutating func take(_ id: BatchID) -> SpooledBatch? {
    guard let reply = replies.removeValue(forKey: id) else { return nil }
    bytes -= reply.vectorBytes
    return reply
  }
}

extension SpooledBatch {
  fileprivate var vectorBytes: Int { 4 * vectors.values.count }
}
