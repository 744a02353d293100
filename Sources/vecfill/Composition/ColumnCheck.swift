import Backfill
import Foundation
import Ledger
import Pipeline

/// Finds out, before anything is paid, whether a job may fill the columns that it has claimed (P4).
struct ColumnCheck: Sendable {
  let job: Job
  let store: any MessageStore
  let ledger: Ledger
  let claims: [ColumnClaim]
  let packer: Packer
  /// Whether vectors whose origin nobody recorded are taken for the job's own.
  let adopts: Bool

  /// A column that may be filled.
  struct Checked: Sendable {
    let column: LedgerColumn
    /// The vectors that are compared before it is filled; nil where that isn't needed.
    let comparison: ColumnComparison?
    /// What the database has recorded of it.
    let recorded: Fingerprint?
  }

  /// Rows that are looked at for texts to compare.
  private static let mostRows = 50

  /// The columns, one for each source. Throws a `Failure` with `.configuration` that shows both fingerprints where a
  /// column holds vectors of another one.
  func columns() async throws -> [Checked] {
    var columns: [Checked] = []
    for (source, claim) in claims.enumerated() { columns.append(try await check(source, claim)) }
    return columns
  }

  private func check(_ index: Int, _ claim: ColumnClaim) async throws -> Checked {
    var claim = claim
    let source = try await store.named(job.sources[index])
    let fingerprint = job.fingerprint(of: source)
    var recorded = claim.recorded
    if recorded == nil {
      recorded = try await ledger.fingerprint(of: claim.column, source, in: store.identity)
    }
    var sample = FilledSample([])
    if recorded?.admits(fingerprint) != true { sample = try await store.filled(in: source, limit: Self.mostRows) }
    if recorded == nil, !sample.rows.isEmpty {
      // Another shard may have filled them since this one was claimed. It has recorded before what they are made of.
      claim = try await store.claim(job.sources[index])
      recorded = claim.recorded
    }
    let verdict = Provenance(recorded: recorded, content: sample.content).verdict(on: fingerprint, adopts: adopts)
    if case .refuses(let held) = verdict {
      throw Failure.foreign(
        source, held, fingerprint, says: claim.recorded != nil ? "the database" : "the ledger \(ledger.path)")
    }
    let comparison = verdict == .compares ? ColumnComparison(of: sample.rows, source: index, packer) : nil
    if let comparison, comparison.contents.isEmpty { throw job.incomparable(source) }
    return Checked(
      column: LedgerColumn(
        source: source, identity: claim.column, fingerprint: fingerprint, isProven: verdict == .fills),
      comparison: comparison, recorded: claim.recorded)
  }
}

extension ColumnCheck {
  /// Throws a `Failure` with `.configuration` where the database says that a column which was claimed holds vectors of
  /// another fingerprint than the job's.
  static func refuseForeign(_ claims: [ColumnClaim], of job: Job, _ store: any MessageStore) async throws {
    for (source, claim) in zip(job.sources, claims) {
      let source = try await store.named(source)
      let fingerprint = job.fingerprint(of: source)
      guard let recorded = claim.recorded, !recorded.admits(fingerprint) else { continue }
      let content = try await store.filled(in: source, limit: 1).content
      guard
        case .refuses(let held) = Provenance(recorded: recorded, content: content).verdict(
          on: fingerprint, adopts: false)
      else { continue }
      throw Failure.foreign(source, held, fingerprint, says: "the database")
    }
  }
}

extension Failure {
  /// A column holds vectors of `held`, as `witness` says, and the job makes those of `made`.
  fileprivate static func foreign(
    _ source: Source, _ held: Fingerprint, _ made: Fingerprint, says witness: String
  ) -> Failure {
    Failure(
      .configuration, source.column,
      "\(witness) says that it holds vectors of [\(held.differing(from: made))], and the job makes [\(made.differing(from: held))]",
      remedy:
        "set the job back to the former, fill another column, or empty this one and run again (docs/changing-a-job.md)")
  }
}
