import Backfill
import Ledger
import MessageStores

/// What it means for a job that a column is recorded so, and that somebody fills it.
struct ColumnFindings {
  let source: Source
  let fingerprint: Fingerprint
  let survey: TableSurvey
  /// What the ledger says of the column; nil where it says nothing.
  let inLedger: Fingerprint?
  /// The process of this user on this machine that fills it.
  let holder: RunLock.Holder?

  var all: [Finding] { survey.column(source.vector) == nil ? [] : [record, lock] }

  private var record: Finding {
    if let refusal = survey.recordRefusal { return .failed("record", refusal) }
    guard let record = survey.record else { return .skipped("record", "it could not be read") }
    let recorded = record.fingerprint ?? inLedger
    let content: Provenance.Content = survey.hasVectors.map { $0 ? .some : .none } ?? .notFound
    switch Provenance(recorded: recorded, content: content).verdict(on: fingerprint, adopts: false) {
    case .refuses(let held):
      let witness = record.fingerprint == nil ? "the ledger" : "the database"
      return .failed(
        "record", .configuration,
        "\(witness) says that it holds vectors of [\(held.differing(from: fingerprint))], and the job makes [\(fingerprint.differing(from: held))]",
        next: "set the job back to the former, fill another column, or empty this one (docs/changing-a-job.md)")
    case .compares:
      return .warning(
        "record", "it has vectors, and nobody recorded of which model",
        next: "nothing: a run embeds a few of its rows again and compares; or run with --adopt")
    case .fills:
      guard record.isWritable, record.warnings.isEmpty else {
        let why = record.warnings.first ?? "the role may not write the table vecfill_column"
        return .warning(
          "record", "\(why): what this column holds is known to this machine's ledger alone",
          next: "have the table's owner run the job once, and GRANT ALL ON vecfill_column to the role")
      }
      return recorded == nil
        ? .ok("record", "nothing is recorded of \(source.vector) yet")
        : .ok(
          "record",
          "\(source.vector) is known as this job's: \(fingerprint.model), \(fingerprint.dimensions) dimensions")
    }
  }

  private var lock: Finding {
    let process = holder.map { "process \($0.pid) on \($0.host)" } ?? survey.lockHolder
    guard let process else { return .ok("lock", "nobody fills it now") }
    return .warning("lock", "\(process) fills it now", next: "wait for it to end: another run would exit with 80")
  }
}
