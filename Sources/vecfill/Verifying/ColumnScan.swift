import Backfill
import Foundation
import Ledger
import MessageStores

/// Reads a column once, window by window: what it holds, and which of its rows a sample takes.
struct ColumnScan: Sendable {
  let source: Source
  let job: Job
  let auditor: any ColumnAuditor
  /// The rows that a sample takes at most.
  let sample: Int

  /// What a scan came to.
  struct Outcome: Sendable {
    let audit: ColumnAudit
    let repeated: RepeatedVectors.Summary
    /// Keys of rows chosen at random.
    let sample: [RowKey]
    /// Keys of rows with a line break in their text, chosen at random.
    let sampleWithNewline: [RowKey]
  }

  /// - Parameter progress: is told of the rows of each window.
  func run(_ progress: (Int) -> Void) async throws -> Outcome {
    let repeated = try RepeatedVectors()
    var audit = ColumnAudit(dimensions: job.model.dimensions)
    var random = SystemRandomNumberGenerator()
    var chosen = RowReservoir(size: sample)
    var chosenWithNewline = RowReservoir(size: (sample + 3) / 4)
    var after: RowKey?
    repeat {
      let window = try await auditor.window(after: after)
      var rows: [RepeatedVectors.Row] = []
      for row in window.rows {
        audit.add(row)
        guard case .vector(let facts) = row.content, facts.length > 0, facts.length.isFinite else { continue }
        if !isCut(facts) { rows.append(RepeatedVectors.Row(facts, of: row.key)) }
        guard facts.dimensions == job.model.dimensions, (1...FilledRow.mostTextBytes).contains(facts.textBytes) else {
          continue
        }
        chosen.offer(row.key, using: &random)
        if facts.hasNewline { chosenWithNewline.offer(row.key, using: &random) }
      }
      try await repeated.add(rows)
      progress(window.rows.count)
      after = window.continuesAfter
    } while after != nil
    return Outcome(
      audit: audit, repeated: try await repeated.summary(), sample: chosen.keys,
      sampleWithNewline: chosenWithNewline.keys)
  }

  /// Whether its text may have been cut or averaged: such texts may have one vector though they differ.
  private func isCut(_ facts: VectorFacts) -> Bool {
    guard job.preparation.tooLong != .quarantine, let most = job.model.maxInputTokens else { return false }
    return facts.textBytes > most
  }
}
