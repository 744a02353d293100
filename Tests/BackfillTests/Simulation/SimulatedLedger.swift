import Backfill

/// What is durable beside the rows: what the next run begins with.
struct SimulatedLedger {
  struct Spooled {
    let source: Int
    let rows: [BatchRow]
    let vectors: [TextDigest]
  }

  var watermarks: [RowKey?]
  var spool: [BatchID: Spooled] = [:]
  var quarantine: [[RowKey: CondemnedRow]]
  var spent = 0.0
  var possiblyPaid = 0
  /// By source what was received, and must not be asked for again (P2).
  var received: [Set<BatchRow.Identity>]
  /// By source the texts that were paid for, and a row that got each.
  var knownTexts: [[TextDigest: RowKey]]
  /// Sources with vectors of which nobody knows yet that they are the job's.
  var unproven: Set<Int> = []

  init(sources: Int) {
    watermarks = Array(repeating: nil, count: sources)
    quarantine = Array(repeating: [:], count: sources)
    received = Array(repeating: [], count: sources)
    knownTexts = Array(repeating: [:], count: sources)
  }
}

extension BatchRow {
  struct Identity: Hashable {
    let key: RowKey
    let digest: TextDigest
    let piece: Piece?
  }

  var identity: Identity { Identity(key: key, digest: digest, piece: piece) }
}
