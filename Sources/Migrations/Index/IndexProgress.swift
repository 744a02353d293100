import Postgres

/// How far a build is, from `pg_stat_progress_create_index`.
struct IndexProgress: Equatable {
  private let phase: String
  private let done: Int
  private let total: Int
  private let awaited: Int

  /// The progress of the session `pid`; nil where it builds nothing.
  static func of(_ pid: Int, on connection: isolated PostgresConnection) throws -> IndexProgress? {
    try connection.query(
      """
      SELECT phase, current_locker_pid AS awaited, CASE WHEN tuples_total > 0 THEN tuples_done ELSE blocks_done END AS done,
        CASE WHEN tuples_total > 0 THEN tuples_total ELSE blocks_total END AS total
      FROM pg_stat_progress_create_index WHERE pid = $1::int
      """, [.text(String(pid))]
    ).first.map { row in
      func number(_ column: String) -> Int { row[column].flatMap(Int.init) ?? 0 }
      return IndexProgress(
        phase: row["phase"] ?? "", done: number("done"), total: number("total"), awaited: number("awaited"))
    }
  }

  /// In words, `elapsed` after the phase began: "building 43 %, 16 s left".
  func text(after elapsed: Duration) -> String {
    // While it waits, the counts are those of the phase before.
    guard !phase.hasPrefix("waiting") else { return phase + (awaited > 0 ? ": pid \(awaited)" : "") }
    let words = ["building index": "building", "index validation": "validating"].first { phase.hasPrefix($0.key) }
    guard total > 0, done > 0 else { return words?.value ?? phase }
    let share = min(1, Double(done) / Double(total))
    let left = share < 1 && share > 0.05 ? ", \((elapsed * ((1 - share) / share)).rough) left" : ""
    return "\(words?.value ?? phase) \(Int(100 * share)) %\(left)"
  }

  func isOf(samePhaseAs other: IndexProgress) -> Bool { phase == other.phase }
}
