import Backfill
import Configuration
import Foundation
import Ledger
import MessageStores
import Postgres

/// Looks at a job's database and at its ledger's place, and shows what it finds.
struct DatabaseCheck {
  let configuration: JobConfiguration
  let job: Job
  /// Takes each finding as it comes, with what it is about.
  let tell: (Finding, CheckReport.Group) -> Void

  private var applicationName: String { "vecfill check \(Host.process)" }

  func run() async throws {
    let state = try StateFolder()
    let path = configuration.ledgerPath ?? state.ledger
    let ledger = openLedger(path)
    var group = CheckReport.Group(name: "database", place: "")
    do {
      let url = try DatabaseURL(configuration.databaseURL().reveal())
      group = CheckReport.Group(name: "database", place: url.redacted)
      for warning in url.warnings { tell(.warning("address", warning, next: "nothing, unless it is missed"), group) }
      try await url.surveying(applicationName: applicationName) { try await look($0, group, try? ledger.get(), state) }
    } catch let failure as Failure {
      tell(.failed("connection", failure), group)
    }
    tellLedger(path, ledger)
  }

  private func look(
    _ surveyor: any DatabaseSurveyor, _ group: CheckReport.Group, _ ledger: Ledger?, _ state: StateFolder
  ) async throws {
    let server = try await surveyor.server()
    for finding in server.findings { tell(finding, group) }
    var tables: [TableSurvey?] = []
    for source in job.sources {
      let group = CheckReport.Group(name: "table \(source.name)", place: "")
      do {
        let table = try await surveyor.table(source, dimensions: job.model.dimensions)
        tables.append(table)
        for finding in table.findings(of: source, in: job, role: server.role) { tell(finding, group) }
        guard [.table, .partitioned].contains(table.kind) else { continue }
        for finding in try await column(source, table, surveyor, ledger, state).all { tell(finding, group) }
      } catch let failure as Failure {
        if tables.count < job.sources.count { tables.append(nil) }
        tell(.failed("table", failure), group)
      }
    }
    try await lookAtMigrations(server, tables)
  }

  private func column(
    _ source: Source, _ table: TableSurvey, _ surveyor: any DatabaseSurveyor, _ ledger: Ledger?, _ state: StateFolder
  ) async throws -> ColumnFindings {
    let named = table.named ?? source
    var inLedger: Fingerprint?
    if let ledger, let identity = table.identity, table.record?.fingerprint == nil {
      inLedger = try await ledger.fingerprint(of: identity, named, in: surveyor.identity)
    }
    return ColumnFindings(
      source: source, fingerprint: job.fingerprint(of: named), survey: table, inLedger: inLedger,
      holder: table.identity.flatMap { RunLock.holder(of: "\($0)", in: state.locks) })
  }

  /// With the address that migrations take, where it is another one.
  private func lookAtMigrations(_ server: ServerSurvey, _ tables: [TableSurvey?]) async throws {
    let own = try configuration.databaseURL()
    let direct = try configuration.migrationDatabaseURL()
    guard direct.reveal() != own.reveal() else {
      let group = CheckReport.Group(name: "migrations", place: "")
      let findings = MigrationFindings(
        job: job, server: server, tables: tables, pending: await pending(server, try DatabaseURL(own.reveal())))
      for finding in findings.all { tell(finding, group) }
      return
    }
    do {
      let url = try DatabaseURL(direct.reveal())
      let place = CheckReport.Group(name: "migrations", place: url.redacted)
      do {
        let findings = try await url.surveying(applicationName: applicationName) { surveyor in
          let server = try await surveyor.server()
          var seen: [TableSurvey?] = []
          for source in job.sources {
            seen.append(try await surveyor.table(source, dimensions: job.model.dimensions))
          }
          return MigrationFindings(job: job, server: server, tables: seen, pending: await pending(server, url)).all
        }
        for finding in findings { tell(finding, place) }
      } catch let failure as Failure {
        tell(.failed("connection", failure), place)
      }
    } catch let failure as Failure {
      tell(.failed("address", failure), CheckReport.Group(name: "migrations", place: ""))
    }
  }

  /// The plan of `migrate up`; nil where what it needs is missing, which other checks tell.
  private func pending(_ server: ServerSurvey, _ url: DatabaseURL) async -> PendingMigrations? {
    guard server.readOnly == nil, !server.isTooOld else { return nil }
    return try? await PendingMigrations(of: job, at: url, applicationName: applicationName)
  }

  /// The ledger, or why it can't be read; nil where there is none.
  private func openLedger(_ path: String) -> Result<Ledger?, Failure> {
    do {
      guard FileManager.default.fileExists(atPath: path) else { return .success(nil) }
      try Ledger.refuseForeignFile(at: path)
      return .success(try Ledger.openForReading(at: path))
    } catch let failure as Failure {
      return .failure(failure)
    } catch {
      return .failure(Failure(.localIO, path, "it can't be read", remedy: "check its rights, or give --ledger"))
    }
  }

  private func tellLedger(_ path: String, _ ledger: Result<Ledger?, Failure>) {
    let needed = Ledger.bytesForReplies(
      requests: job.concurrency, inputs: job.batchSize, dimensions: job.model.dimensions)
    var refusal: Failure?
    if case .failure(let failure) = ledger { refusal = failure }
    let group = CheckReport.Group(name: "ledger", place: path)
    for finding in LedgerPlace(of: path).findings(path: path, needed: needed, refusal: refusal) {
      tell(finding, group)
    }
  }
}
