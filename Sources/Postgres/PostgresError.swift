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
  /// The names of the functions and statements in which it happened. It can quote a row's values.
  package var context: String?
  /// The function of PostgreSQL's own source that reported it, the same in every language of messages.
  package var routine: String?
  /// The file of PostgreSQL's own source that reported it.
  package var sourceFile: String?
  /// Whether it names a place in the statement's own text, so that it was found before a row was looked at.
  package var hasPosition = false
  /// Whether the connection is gone with it.
  package var endsConnection = false
  /// Whether the connection was given up since nothing came over it.
  package var isOfSilence = false
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
    context = field("W")
    routine = field("R")
    sourceFile = field("F")
    hasPosition = field("P") != nil
    // The severity that no locale translates: after these two the server ends the session.
    endsConnection = ["FATAL", "PANIC"].contains(field("V"))
  }

  /// The connection's own last error. While a connection is being made, libpq is set to quote the SQLSTATE.
  init(connection: OpaquePointer?) {
    let text = String(cString: PQerrorMessage(connection))
    let lines = text.split(whereSeparator: \.isNewline).filter {
      !$0.hasPrefix("LOCATION:") && !$0.hasPrefix("\tIs the server running")
    }
    message = lines.joined(separator: "; ")
    if let code = message.firstMatch(of: #/:  ([0-9A-Z]{5}): /#) {
      sqlState = String(code.1)
      message.replaceSubrange(code.range, with: ": ")
    }
    // An option's value, of a service file or the environment, may be a secret that slipped.
    message.replace(/(invalid [\w ]*(?:value|number):? )"[^"]*"/) { "\($0.1)…" }
    endsConnection = PQstatus(connection) == CONNECTION_BAD
  }
}

extension PostgresError {
  /// Whether a function's own RAISE reported it: it can wear any SQLSTATE and quote any value.
  package var isRaised: Bool {
    switch sourceFile {
    case "pl_exec.c": routine == "exec_stmt_raise" || routine == "exec_stmt_assert"
    case "plpy_elog.c", "plperl.c", "pltcl.c", "plv8.cc": true
    default: false
    }
  }

  /// Whether another attempt, on a new connection where this one is gone, is likely to pass.
  package var isTransient: Bool {
    if refusalAtTheDoor != nil || refusesSetting { return false }
    guard let sqlState else { return endsConnection }
    if isRaised { return endsConnection }
    // A primary that became a standby: the next connection may find its successor.
    if isConflict || isReadOnly || sqlState.hasPrefix("08") || sqlState == "53300" { return true }
    // A refusal at the door stays one: a wrong password, no such database, no right to connect.
    return endsConnection && !["28", "3D", "42"].contains(sqlState.prefix(2))
  }

  /// Whether the server, or this session of it, can only be read, as a primary that became a standby.
  package var isReadOnly: Bool { !isRaised && sqlState == "25006" }

  /// Whether another transaction was in the way: a lock timeout, a deadlock, a serialisation failure.
  package var isConflict: Bool {
    isLockTimeout || (!isRaised && ["40P01", "40001"].contains(sqlState))
  }

  /// Whether a lock was not to be had in time.
  package var isLockTimeout: Bool { !isRaised && sqlState == "55P03" }

  /// Whether the database itself is in trouble, whatever the statement was: out of resources, shutting down, a failing
  /// disk, no longer writable.
  package var isServerFault: Bool {
    if endsConnection { return true }
    guard !isRaised, let sqlState else { return false }
    return ["08", "53", "58"].contains(sqlState.prefix(2)) || sqlState.hasPrefix("57P") || isReadOnly
  }

  /// What it means to the person who runs the job. A message that can quote a row's values is left out (P10).
  package func failure(_ subject: String, remedy: String? = nil) -> Failure {
    Failure(exitCode, subject, sqlState.map { "\(reason) (SQLSTATE \($0))" } ?? reason, remedy: remedy)
  }

  /// The same where no connection could be made to `address`, which `setting` names.
  package func connectionFailure(_ address: String, setting: String = "DATABASE_URL") -> Failure {
    let remedy =
      switch sqlState?.prefix(2) {
      case _ where refusesSetting: "correct it in \(setting) or PGOPTIONS"
      case "28": "check the user and the password in \(setting), and that the server lets them in"
      case "3D": "correct the database's name in \(setting), or create the database"
      case nil where message.contains("could not translate host name"): "check the host in \(setting)"
      default: refusalAtTheDoor?.remedy(setting) ?? "check \(setting) and that the server runs"
      }
    return failure(address, remedy: remedy)
  }

  /// What to do about a name or a right that is missing; nil for what needs no more words.
  package var remedy: String? {
    guard !isRaised, let sqlState else { return nil }
    if sqlState == "42501" || sqlState.hasPrefix("28") {
      return "give the role what it lacks, and run the same command again to go on"
    }
    return sqlState.hasPrefix("42")
      ? "correct the table or the job's names of it, and run the same command again to go on" : nil
  }

  /// PostgreSQL's own message, or words in place of one that can quote a row's values (P10).
  package var reason: String {
    // The value stands behind the parameter's name, in the quotation marks of any language, and may be a secret that slipped.
    if refusesSetting { return message.replacing(/:\ ["'«»‹›“”„‘’「].*/, with: "") }
    return mayBeQuoted ? message : "PostgreSQL refused \(refused)\(place)"
  }

  private var exitCode: ExitCode {
    if isRaised { return .badData }
    if let refusalAtTheDoor { return refusalAtTheDoor.exitCode }
    if refusesSetting { return .configuration }
    return switch sqlState?.prefix(2) {
    case "28": .denied
    case "42": sqlState == "42501" ? .denied : .configuration
    case "25" where isReadOnly: .unavailable
    case "55" where sqlState == "55000": .configuration
    case "0A", "25", "2B", "3D", "3F": .configuration
    case "22", "23", "44", "P0": .badData
    default: .unavailable
    }
  }

  /// Whether PostgreSQL's own message holds nothing of a row.
  ///
  /// No class of SQLSTATEs is safe by itself: a condition such as `content::regclass` or `to_tsquery(content)` makes a
  /// 42P01, a 42601 or a 54000 that quotes the row. So the message must be about the statement's own text, or come from a
  /// part of the server that never sees a value.
  private var mayBeQuoted: Bool {
    guard let sqlState else { return true }
    if isConflict || routine == "ProcessInterrupts" { return true }
    let classes: Set<Substring> = [
      "08", "0A", "25", "26", "28", "34", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX",
    ]
    guard context == nil, !isRaised, classes.contains(sqlState.prefix(2)) else { return false }
    // A connection that is being made has no row yet, and libpq gives no file for it.
    guard let sourceFile else { return true }
    return hasPosition || PostgresError.filesWithoutValues.contains(sourceFile)
  }

  /// PostgreSQL's and pgvector's source files whose errors name objects, limits and the machine, never a value.
  private static let filesWithoutValues: Set<String> = [
    "aclchk.c", "rls.c", "rewriteHandler.c", "parse_utilcmd.c", "typecmds.c", "tablecmds.c", "indexcmds.c", "index.c",
    "heap.c", "extension.c", "schemacmds.c", "lockcmds.c",
    "trigger.c", "dependency.c", "execMain.c", "execReplication.c", "execPartition.c", "utility.c", "xact.c",
    "postgres.c",
    "prepare.c", "plancache.c", "portalcmds.c", "lock.c", "lmgr.c", "proc.c", "procarray.c", "predicate.c",
    "deadlock.c",
    "slru.c", "standby.c", "xlog.c", "md.c", "smgr.c", "bufmgr.c", "bufpage.c", "dsm_impl.c", "mcxt.c", "aset.c",
    "stack_depth.c", "auth.c", "postinit.c", "miscinit.c", "hio.c", "nbtutils.c", "nbtinsert.c",
    "hnsw.c", "hnswbuild.c", "hnswutils.c", "hnswinsert.c", "hnswscan.c", "ivfbuild.c", "ivfflat.c", "ivfutils.c",
  ]

  /// What was refused, where the message is left out: a value, or what the SQLSTATE alone says.
  private var refused: String {
    if context != nil || isRaised { return "a value" }
    return switch sqlState {
    case "42601": "a syntax that it met"
    case "42703": "a column that doesn't exist"
    case "42704", "42P01", "42883", "3F000": "a name that doesn't exist"
    case "42501": "what the role has no right to"
    default: "a value"
    }
  }

  private var place: String {
    if context != nil || isRaised { return " in a function or trigger" }
    return constraint.map { " under the constraint \($0)" } ?? ""
  }
}

extension PostgresError {
  private var refusalAtTheDoor: RefusalAtTheDoor? {
    endsConnection && (sqlState == nil || sqlState == "08P01") ? RefusalAtTheDoor(in: message) : nil
  }

  /// Whether the server refused a connection for a parameter that came with it, such as `role` or `work_mem`. No row has
  /// been looked at yet, and libpq names no source file then.
  private var refusesSetting: Bool {
    guard endsConnection, sourceFile == nil, let sqlState else { return false }
    return sqlState.hasPrefix("22") || ["42704", "55P02"].contains(sqlState)
  }
}
