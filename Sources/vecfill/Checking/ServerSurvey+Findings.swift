import Backfill
import MessageStores
import PgVector

extension ServerSurvey {
  /// What it means for a job to find the database so.
  var findings: [Finding] {
    var findings: [Finding] = []
    let who = role.map { ", as the role \($0)" } ?? ""
    if isTooOld {
      findings.append(
        .failed("server", .configuration, "\(product) is older than PostgreSQL 13", next: "upgrade the server"))
    } else if let readOnly {
      let next = role == nil ? "give this user that right" : "connect to the primary, or as a role that may write"
      findings.append(
        .failed(
          "server", role == nil ? .denied : .configuration,
          "\(product)\(who): nothing can be written, since \(readOnly)",
          next: next))
    } else {
      findings.append(.ok("server", "\(product)\(who)\(isPooled ? ", through a pooler" : "")"))
    }
    if let pgvector { findings.append(pgvector.finding) }
    return findings
  }
}

extension ServerSurvey.Extension {
  var finding: Finding {
    if let installed {
      guard let warning = installed.warning else { return .ok("pgvector", installed.version) }
      return .warning("pgvector", warning, next: "upgrade pgvector on the server, then ALTER EXTENSION vector UPDATE")
    }
    guard let offered else {
      return .failed(
        "pgvector", .configuration, "the server doesn't have it",
        next: "install its package on the database's server, or switch it on at the provider")
    }
    return .failed(
      "pgvector", .configuration, "the database has none; the server offers \(offered)",
      next: mayInstall
        ? "`vecfill migrate up JOB` installs it" : "have a superuser run CREATE EXTENSION vector: this role may not")
  }
}
