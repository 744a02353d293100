import Backfill
import Foundation
import Pipeline

/// All that the page of a run shows, at one moment.
struct RunPicture {
  let facts: RunFacts
  let now: Date
  let progress: RunProgress
  /// What goes on in place of the rows; empty while they are filled.
  let phase: String
  /// Whether all is filled and it waits for what comes.
  let isFilled: Bool
  let history: RunHistory
  /// Seconds at each of `percentiles`; empty before the first answer.
  let latencies: [Double]
  /// By the outcome's name.
  let requests: [(outcome: String, count: Int)]
  /// By the reason's name, those of this process.
  let quarantine: [(reason: String, count: Int)]
  /// The newest first.
  let condemned: [CondemnedKey]
  let exitCode: Int32?

  static let percentiles = [(50.0, "p50"), (95, "p95"), (99, "p99"), (100, "most")]

  /// A row that went into quarantine, without its text.
  struct CondemnedKey: Sendable {
    let table: String
    let key: String
    let cause: String
    let reason: String
  }
}
