import Backfill
import PgVector
import Postgres

extension OwnTable.Definition {
  /// The statement that makes the table at `place`, which is quoted, on one line.
  func creation(of place: String) -> String {
    "CREATE TABLE IF NOT EXISTS \(place) (\(body.split(whereSeparator: \.isNewline).joined(separator: " ")))"
  }

  /// Makes the table at `place` where there is none. Of two processes that do so at once, one makes it.
  func make(_ place: String, on connection: isolated PostgresConnection) throws {
    do {
      _ = try connection.query(creation(of: place), under: PostgresSettings(lockTimeout: .seconds(5)))
    } catch let error as PostgresError where error.isMadeByAnother {
      // It is there.
    }
  }

  /// The same, and throws a `Failure` with `.denied` and the statements for `owner`, e.g. "the owner of messages", where
  /// the role may not make it.
  ///
  /// - Parameters:
  ///   - use: what it is for, e.g. "shards are kept there".
  ///   - rights: what the role needs to do with it, e.g. "SELECT, INSERT".
  func make(
    _ place: String, for use: String, rights: String, owner: String, on connection: isolated PostgresConnection
  ) throws {
    do {
      try make(place, on: connection)
    } catch let error as PostgresError where error.isDenied {
      throw try denied(place, for: use, rights: rights, owner: owner, on: connection)
    }
  }

  func denied(
    _ place: String, for use: String, rights: String, owner: String, on connection: isolated PostgresConnection
  ) throws -> Failure {
    let role = try connection.inspect("SELECT quote_ident(current_user)")[0][0] ?? ""
    return Failure(
      .denied, place, "the role \(role) may not make it, and \(use)",
      remedy: "let \(owner) run: \(creation(of: place)); GRANT \(rights) ON \(place) TO \(role);")
  }
}

extension PostgresError {
  /// A right is missing.
  var isDenied: Bool { sqlState == "42501" }

  /// Another process has just made what was to be made: PostgreSQL finds its table, its entry in an index of the catalogue,
  /// or the table's row type.
  var isMadeByAnother: Bool { ["42P07", "23505", "42710"].contains(sqlState) }
}
