import GRDB
import GRDBSQLite

extension Database {
  /// Runs `body` so that a value of more bytes is not read: a statement that needs it ends with `SQLITE_TOOBIG` before any
  /// of it is in memory. `octet_length`, which could tell it beforehand, came with SQLite 3.43.
  func withLengths<Value>(upTo bytes: Int, _ body: () throws -> Value) rethrows -> Value {
    let usual = sqlite3_limit(sqliteConnection, SQLITE_LIMIT_LENGTH, CInt(bytes))
    defer { sqlite3_limit(sqliteConnection, SQLITE_LIMIT_LENGTH, usual) }
    return try body()
  }
}
