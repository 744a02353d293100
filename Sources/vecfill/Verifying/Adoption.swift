import Backfill
import Configuration
import Foundation
import Ledger
import MessageStores
import Postgres
import Tokenizer

/// Takes columns that another tool filled for a job's own, once a sample of their vectors has been made again.
struct Adoption {
  let configuration: JobConfiguration
  let job: Job
  let database: Database
  /// How many rows of a column are embedded again.
  let sample: Int
  let consent: SampleConsent
  let tell: (String) -> Void

  func run() async throws {
    let state = try StateFolder()
    let (claims, locks) = try await database.claim(job, in: state.locks)
    defer { withExtendedLifetime(locks) {} }
    let ledger = try Ledger.open(at: configuration.ledgerPath ?? state.ledger)
    for (source, claim) in zip(job.sources, claims) {
      let named = try await database.store.named(source)
      let made = job.fingerprint(of: named)
      var recorded = claim.recorded
      if recorded == nil {
        recorded = try await ledger.fingerprint(of: claim.column, named, in: database.store.identity)
      }
      if let recorded {
        try tellKnown(recorded, made, source)
      } else {
        try await adopt(source, named, claim, made, ledger)
      }
    }
  }

  private func tellKnown(_ recorded: Fingerprint, _ made: Fingerprint, _ source: Source) throws {
    let name = "\(source.name).\(source.vector)"
    guard recorded.admits(made) else {
      throw Failure(
        .configuration, name,
        "it is recorded that it holds vectors of [\(recorded.differing(from: made))], and the job makes [\(made.differing(from: recorded))]",
        remedy: "set the job back to the former, or fill another column (docs/changing-a-job.md)")
    }
    tell("\(name) is known already as [\(recorded)]")
  }

  private func adopt(
    _ source: Source, _ named: Source, _ claim: ColumnClaim, _ made: Fingerprint, _ ledger: Ledger
  ) async throws {
    let name = "\(source.name).\(source.vector)"
    let (scanned, rows) = try await read(source)
    guard scanned.audit.vectors > 0 else { return tell("\(name) has no vector: a run fills it as it is") }
    let verdict = AdoptionVerdict(
      results: try await compare(rows, scanned, name), audit: scanned.audit, model: job.model.name)
    if let refusal = verdict.refusal(of: name) { throw refusal }
    let reason = try await database.store.record(made, of: named)
    try await ledger.enter(
      LedgerColumn(source: named, identity: claim.column, fingerprint: made, isProven: true),
      in: database.store.identity)
    tell("\(name) is adopted as [\(made)]: \(verdict.words)")
    if let warning = verdict.warning(of: name) { Console.standard.warn(warning) }
    if let reason {
      Console.standard.log(
        "vecfill: \(name) is known to the ledger \(ledger.path) alone, and a run with another one would not see it: \(reason)"
      )
    }
  }

  private func read(_ source: Source) async throws -> (ColumnScan.Outcome, [SampledRow]) {
    let url = try DatabaseURL(configuration.databaseURL().reveal())
    return try await url.surveying(applicationName: "vecfill adopt \(Host.process)") { surveyor in
      let auditor = try await surveyor.auditor(of: source)
      let scanned = try await ColumnScan(source: source, job: job, auditor: auditor, sample: sample)
        .told(expecting: nil)
      // Texts with line breaks show how those were prepared.
      let keys = scanned.sample + scanned.sampleWithNewline.filter { !scanned.sample.contains($0) }
      return (scanned, try await auditor.sample(keys))
    }
  }

  /// The job's own preparation first, then others: with and without the prefix, line breaks kept and not.
  private var preparations: [TextPreparation] {
    var all = [job.preparation]
    for newlines in TextPreparation.Newlines.allCases {
      for prefix in [job.preparation.prefix, ""] {
        let other = TextPreparation(newlines: newlines, tooLong: job.preparation.tooLong, prefix: prefix)
        if !all.contains(other) { all.append(other) }
      }
    }
    return all
  }

  private func compare(
    _ rows: [SampledRow], _ scanned: ColumnScan.Outcome, _ name: String
  ) async throws -> [SampleComparison.Result] {
    guard !rows.isEmpty else { return [] }
    let (_, results) = try await SampleEmbedding(job, configuration).results(
      of: SampleComparison(of: rows, preparedBy: preparations), about: name, consent)
    guard let results else {
      throw Failure(.usage, "adopt", "not confirmed; nothing was sent and nothing was recorded", remedy: "add --yes")
    }
    return results
  }
}
