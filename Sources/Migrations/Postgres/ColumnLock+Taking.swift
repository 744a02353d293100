import Backfill
import PgVector
import Postgres

extension ColumnLock {
  /// Takes the lock on filling the column `number` of the table with the object id `table`: for the transaction where one
  /// is open, else for the session.
  ///
  /// Throws a `Failure` with `.locked` about `subject` where a run or one of its shards fills the column, or that of a
  /// table with which it shares rows.
  static func take(
    table: String, number: Int, of subject: String, on connection: isolated PostgresConnection
  ) throws {
    let lock = AdvisoryLock(named: name(table: table, number: number))
    let relatives = try ColumnRelative.all(of: table, number: number, on: connection).map(\.lock)
    var held = lock
    if try lock.take(on: connection) {
      guard let relative = try AdvisoryLock.held(among: relatives, on: connection) else { return }
      held = relative
    }
    let holder = try held.holder(on: connection)
    throw Failure(
      .locked, subject, "\(holder?["name"] ?? "another process") fills it",
      remedy: "wait for it to end, or end it, then run the same command again")
  }
}
