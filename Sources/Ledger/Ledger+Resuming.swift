import Backfill
import GRDB

extension Ledger {
  /// What the runs came to that a run goes on with: those since the job's columns were last complete.
  package struct Resumed: Sendable, Equatable {
    /// Rows that they wrote.
    package let done: Int
    /// The rows that lacked a vector as the first of them began; nil where none of them counted.
    package let total: Int?
  }

  private static let mostResumed = 1_000

  /// nil where the job's last run on these columns was complete, or there is none.
  ///
  /// - Parameter run: only runs before this one count; nil for all.
  static func resumed(_ job: String, targets: [Int64], before run: Int64? = nil, _ db: Database) throws -> Resumed? {
    let runs = try Row.fetchAll(
      db,
      sql: """
        SELECT state, tally FROM run WHERE job = ?1 AND targets = ?2 AND id < COALESCE(?3, id + 1)
        ORDER BY id DESC LIMIT \(mostResumed)
        """, arguments: [job, json(targets), run]
    )
    let unfinished = try runs.prefix { try $0.checked("state", as: String.self) != RunState.completed.rawValue }
    guard !unfinished.isEmpty else { return nil }
    let tallies = try unfinished.map { try $0.decoded("tally", as: Tally.self) }
    let done = tallies.reduce(0) { $0 + $1.written }
    return Resumed(done: done, total: tallies.compactMap(\.total).last.map { max($0, done) })
  }
}
