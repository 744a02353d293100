import Backfill
import CPostgres

/// What PostgreSQL or libpq reported, as a notice or as the end of a statement or a connection.
package struct PostgresError: Error, Equatable, Sendable {
  /// The five characters of the SQLSTATE; nil where no server said it.
  package var sqlState: String?
  package var message: String
  package var detail: String?
  package var hint: String?
  package var constraint: String?
  /// Whether the connection is gone with it.
  package var endsConnection = false
  /// Whether the statement, or its transaction, may have been done all the same.
  package var mayHaveBeenDone = false
  /// In a pipeline, the statement it happened to, counted from 0.
  package var statement: Int?

  package init(sqlState: String? = nil, message: String, endsConnection: Bool = false) {
    self.sqlState = sqlState
    self.message = message
    self.endsConnection = endsConnection
  }

  init(result: OpaquePointer?) {
    func field(_ code: Character) -> String? {
      PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
    }
    sqlState = field("C")
    message = field("M") ?? String(cString: PQresultErrorMessage(result))
    detail = field("D")
    hint = field("H")
    constraint = field("n")
    // The severity that no locale translates: after these two the server ends the session.
    endsConnection = ["FATAL", "PANIC"].contains(field("V"))
  }

  /// The connection's own last error. While a connection is being made, libpq is set to quote the SQLSTATE.
  init(connection: OpaquePointer?) {
    let text = String(cString: PQerrorMessage(connection))
    let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
    message = lines.joined(separator: "; ")
    if let code = message.firstMatch(of: #/:  ([0-9A-Z]{5}): /#) {
      sqlState = String(code.1)
      message.replaceSubrange(code.range, with: ": ")
    }
    endsConnection = PQstatus(connection) == CONNECTION_BAD
  }
}

extension PostgresError {
  /// Whether another attempt, on a new connection where this one is gone, is likely to pass.
  package var isTransient: Bool {
    guard let sqlState else { return endsConnection }
    if isConflict || sqlState.hasPrefix("08") || sqlState == "53300" { return true }
    // A refusal at the door stays one: a wrong password, no such database, no right to connect.
    return endsConnection && !["28", "3D", "42"].contains(sqlState.prefix(2))
  }

  /// Whether another transaction was in the way: a lock timeout, a deadlock, a serialisation failure.
  package var isConflict: Bool {
    ["55P03", "40P01", "40001"].contains(sqlState)
  }

  /// What it means to the person who runs the job. A message that can quote a row's values is left out (P10).
  package func failure(_ subject: String, remedy: String? = nil) -> Failure {
    let exitCode: ExitCode
    var quoted = true
    switch sqlState?.prefix(2) {
    case "28":
      exitCode = .denied
    case "42":
      exitCode = sqlState == "42501" ? .denied : .configuration
    case "0A", "25", "3D", "3F":
      exitCode = .configuration
    case "22", "23", "44", "P0":
      exitCode = .badData
      quoted = false
    default:
      exitCode = .unavailable
    }
    let reason =
      quoted ? message : "PostgreSQL refused a value" + (constraint.map { " under the constraint \($0)" } ?? "")
    return Failure(exitCode, subject, sqlState.map { "\(reason) (SQLSTATE \($0))" } ?? reason, remedy: remedy)
  }
}
