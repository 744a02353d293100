/// Who claims: a process, and what it spends for.
package struct ShareMember: Equatable, Sendable {
  /// The provider's host and the model.
  package let pool: String
  /// A ledger and the columns in it, whose rounds write a row of money one after another.
  package let participant: String
  /// Random for each round of each process.
  package let session: String
  package let job: String
  /// "host pid 12".
  package let process: String

  package init(pool: String, participant: String, session: String, job: String, process: String) {
    self.pool = pool
    self.participant = participant
    self.session = session
    self.job = job
    self.process = process
  }
}
