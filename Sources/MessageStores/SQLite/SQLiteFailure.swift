import Backfill
import GRDB

extension DatabaseError {
  /// What it means to the person who runs the job; locks were waited for as long as `patience` says. The statement and
  /// its values are left out (P10).
  func failure(_ subject: String, patience: SQLitePatience) -> Failure {
    let reason = told
    switch resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
      return Failure(
        .unavailable, subject, "another process kept the database locked for \(patience.limit.seconds) s",
        remedy: "run again when it is idle")
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
      return Failure(.denied, subject, reason, remedy: "give this user the right to write the file and its folder")
    case .SQLITE_FULL:
      return Failure(
        .localIO, subject, "its disk is full", remedy: "free some space and run again; what was received is kept")
    case .SQLITE_IOERR, .SQLITE_CANTOPEN:
      return Failure(.localIO, subject, reason, remedy: "check the disk and the rights of the file and its folder")
    case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG:
      return Failure(.badData, subject, "SQLite refused a value (error \(extendedResultCode.rawValue))")
    case .SQLITE_NOTADB:
      return Failure(.configuration, subject, "it is no SQLite database", remedy: "check DATABASE_URL")
    case .SQLITE_CORRUPT where extendedResultCode == .SQLITE_CORRUPT_VTAB:
      return Failure(
        .configuration, subject, "a virtual table that a trigger writes to, as one of FTS5, doesn't fit its content",
        remedy: "rebuild it, e.g. INSERT INTO f(f) VALUES ('rebuild') for the table f; the file is sound")
    case .SQLITE_CORRUPT:
      return Failure(.unavailable, subject, reason, remedy: "restore the file from a backup")
    default:
      return Failure(.configuration, subject, reason, remedy: "check the source's table, columns and condition")
    }
  }
}

extension DatabaseError {
  /// Whether it may be about the row that was looked at, since its value is too long or a function refuses it. Only a
  /// statement that was prepared has arguments.
  var isOfRow: Bool { resultCode == .SQLITE_TOOBIG || resultCode == .SQLITE_ERROR && arguments != nil }

  /// SQLite's own message where it is about the statement itself. Once rows are looked at, a function may quote them, as
  /// "bad JSON path: 'the row'" does.
  private var told: String {
    let code = "SQLite error \(extendedResultCode.rawValue)"
    guard let message else { return code }
    // Only a statement that was prepared has arguments.
    let isOfStatement = arguments == nil || resultCode != .SQLITE_ERROR
    return isOfStatement
      ? message : "SQLite refused a value in a condition or a function (error \(extendedResultCode.rawValue))"
  }
}

extension Duration {
  /// To a tenth of a second, without a zero behind the point.
  fileprivate var seconds: String {
    let tenths = Int((self / .milliseconds(100)).rounded())
    return tenths.isMultiple(of: 10) ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
  }
}
