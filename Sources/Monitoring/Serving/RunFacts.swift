import Backfill
import Foundation

/// What doesn't change while a run goes on.
package struct RunFacts: Sendable {
  package let job: String
  package let model: String
  /// By the index of each source in the job.
  package let tables: [String]
  /// The database as it may be shown, without a password; nil where it isn't known.
  package let database: String?
  package let version: String
  package let start: Date

  package init(
    job: String, model: String, tables: [String] = [], database: String? = nil, version: String, start: Date = Date()
  ) {
    self.job = job
    self.model = model
    self.tables = tables
    self.database = database
    self.version = version
    self.start = start
  }
}
