import Backfill
import Configuration
import Foundation
import MessageStores
import Postgres

/// What `vecfill status` shows of the database's spool.
struct SpoolReport: Encodable {
  /// nil where the database can't be asked.
  let replies: Int?
  let rows: Int?
  /// Why it can't.
  let reason: String?

  /// nil for a job with `spool: ledger`.
  init?(_ configuration: JobConfiguration) async throws {
    let job = try configuration.job()
    guard job.spool == .database else { return nil }
    do {
      let url = try DatabaseURL(configuration.databaseURL().reveal())
      let waiting = try await url.spoolWaiting(
        for: job.sources, applicationName: "vecfill status \(Host.process)")
      (replies, rows, reason) = (waiting.replies, waiting.rows, nil)
    } catch let failure as Failure {
      (replies, rows, reason) = (nil, nil, failure.description)
    }
  }

  var line: String {
    guard let replies, let rows else { return "not known: \(reason ?? "it can't be asked")" }
    return "\(replies.of("reply", plural: "replies")) for \(rows.of("row")), paid and not yet written"
  }
}
