import MessageStores

/// How far a build is, from `pg_stat_progress_create_index`.
struct IndexProgress: Equatable, CustomStringConvertible {
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

  var description: String {
    let share = total > 0 ? " \(min(100, 100 * done / total)) %" : ""
    return phase + share + (awaited > 0 ? ", waits for pid \(awaited)" : "")
  }
}
