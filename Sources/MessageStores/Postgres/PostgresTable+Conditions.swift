import Backfill
import Postgres

/// What the job says of the rows to take, asked of the server before anything else is done.
extension PostgresTable {
  /// Asks whether the value of `since` is one of its column's.
  func checkValue(of since: Since, on connection: isolated PostgresConnection) throws {
    do {
      _ = try connection.query("SELECT FROM \(read) WHERE \(since.condition) LIMIT 0", under: settings(.seconds(10)))
    } catch let error as PostgresError where error.sqlState?.hasPrefix("22") == true {
      throw Failure(
        .configuration, source.sincePlace ?? source.name,
        "since: \(since.value) is no value of \(source.reading).\(since.column) (SQLSTATE \(error.sqlState ?? ""))",
        remedy: "correct it")
    }
  }

  /// Asks whether the job's `where` can be asked of a row.
  func checkCondition(at place: String, on connection: isolated PostgresConnection) throws {
    do {
      _ = try connection.query("SELECT FROM \(read) WHERE \(condition) LIMIT 0", under: settings(.seconds(10)))
    } catch let error as PostgresError where error.isOfStatement {
      throw Failure(
        .configuration, place, "PostgreSQL refuses this where of \(source.name): \(error.statementReason)",
        remedy: "correct it; it is one condition over the columns of \(source.reading)")
    }
  }
}
