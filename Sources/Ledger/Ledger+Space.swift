import Backfill
import Foundation

extension Ledger {
  /// Holds space for what the reply to `batch` needs in the ledger, before it is asked for: a reply that can't be stored
  /// would be paid again by each run.
  ///
  /// Throws a `Failure` with `.localIO` where the disk has no such space: then it must not be sent.
  package func holdSpace(for batch: Batch, dimensions: Int) async throws(Failure) {
    try await hold(
      Ledger.bytes(of: batch, dimensions: dimensions), for: batch.id,
      what: "replies to the next requests, which were not sent")
  }

  private func hold(_ bytes: Int, for id: BatchID, what: String) async throws(Failure) {
    do {
      try await reserve.hold(bytes, for: id)
    } catch {
      let exhausted = error as? SpaceReserve.Exhausted
      let needed = ((exhausted?.bytes ?? 0) >> 20) + 1
      throw Failure(
        .localIO, path,
        "its disk has no \(needed) MB for the \(what): "
          + String(cString: strerror(exhausted?.errno ?? ENOSPC)),
        remedy: "free some space there, or give --ledger, and run the same command again")
    }
  }

  /// Holds space for the answer to a line of a batch, before it is read.
  ///
  /// Throws a `Failure` with `.localIO` where the disk has no such space: then it stays with the provider.
  package func holdSpace(for line: SubmittedLine, dimensions: Int) async throws(Failure) {
    try await hold(
      Ledger.bytes(inputs: line.inputs, rows: line.inputs, dimensions: dimensions), for: line.id,
      what: "next answers of a batch, which were left with the provider")
  }

  /// What was held for a request is needed no more.
  package func releaseSpace(of id: BatchID) {
    reserve.release(id)
  }

  /// A request that was entered is not sent after all.
  package func withdrawn(_ batch: Batch) async throws {
    try await failed(batch, EmbeddingFailure(.cancelled, "not sent"))
  }

  private static func bytes(of batch: Batch, dimensions: Int) -> Int {
    bytes(inputs: batch.contents.inputs.count, rows: batch.contents.rows.count, dimensions: dimensions)
  }

  /// The vectors, the rows' keys and digests, and four large pages that SQLite needs beside them.
  static func bytes(inputs: Int, rows: Int, dimensions: Int) -> Int {
    (128 << 10) + 4 * dimensions * inputs + 256 * rows
  }
}
