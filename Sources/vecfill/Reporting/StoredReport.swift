import Backfill
import Configuration
import Foundation
import MessageStores
import Postgres

/// What a job's database says of it, for `vecfill status`: what it shares with others, the replies that wait in the
/// database's spool, and the stored plan of its shards. Other machines' runs are seen only here.
struct StoredReport {
  /// nil where the job shares nothing.
  var shared: ShareReport?
  /// nil with `spool: ledger`.
  var spool: SpoolReport?
  /// nil where no plan is stored, where no PostgreSQL database is named, and where there is a problem.
  var shards: ShardReport?
  /// Why it isn't known whether a plan is stored.
  var shardsProblem: Failure?

  /// Nothing, of a job whose spec wasn't given.
  init() {}

  /// Throws a `Failure` only for a wrong spec. If the database can't be read, the report says why.
  init(_ configuration: JobConfiguration) async throws {
    shared = try await Self.shared(configuration)
    spool = try await SpoolReport(configuration)
    do {
      shards = try await Self.shards(configuration)
    } catch {
      shardsProblem = Failure.of(error)
    }
  }

  var isEmpty: Bool { shared == nil && spool == nil && shards == nil }

  /// The lines of a job that a person reads; a spool without replies has none.
  var figures: [(String, String)] {
    let waiting = spool.flatMap { $0.replies == 0 ? nil : ("in the database", $0.line) }
    return [waiting].compactMap(\.self) + (shared?.lines ?? []).map { ("shared", $0) }
  }

  /// The shards in words; nil where there are none.
  var shardsText: String? { shards?.text ?? shardsProblem.map { "shards: not known: \($0)" } }

  private static func shared(_ configuration: JobConfiguration) async throws -> ShareReport? {
    guard configuration.share == .database else { return nil }
    let pool = try configuration.pool()
    do {
      return try await PostgresSharedPools.read(
        pool, in: DatabaseURL(configuration.databaseURL().reveal()), applicationName: "vecfill status"
      ).map { ShareReport(pool, $0) }
    } catch let failure as Failure {
      return ShareReport(pool, problem: failure)
    }
  }

  private static func shards(_ configuration: JobConfiguration) async throws -> ShardReport? {
    guard configuration.hasDatabaseURL else { return nil }
    let url = try DatabaseURL(configuration.databaseURL().reveal())
    guard case .postgres = url.engine else { return nil }
    let job = try configuration.job()
    let store = try await PostgresMessageStore(
      url: url, applicationName: "vecfill status \(Host.name)", patience: PostgresPatience(conflicts: 1, losses: 0))
    do {
      let plan = try await store.plan(of: job.sources)
      await store.close()
      return plan.map { ShardReport(job, $0) }
    } catch {
      await store.close()
      throw error
    }
  }
}

/// What `vecfill status` shows of a job that has no run in the ledger, as on another machine than those that run it.
struct UnrunJobReport: Encodable {
  let job: String
  let state = "no run here"
  let databaseSpool: SpoolReport?
  let shared: ShareReport?
  let shards: ShardReport?
  let ledger: String
  private let figures: [(String, String)]

  init(job: String, _ stored: StoredReport, ledger: String) {
    self.job = job
    self.ledger = ledger
    (databaseSpool, shared, shards, figures) = (stored.spool, stored.shared, stored.shards, stored.figures)
  }

  private enum CodingKeys: String, CodingKey {
    case job, state, databaseSpool, shared, shards, ledger
  }

  /// The lines that a person reads.
  var text: String {
    "\(job): no run of it is in this ledger\n" + FigureList(figures + [("ledger", ledger)], nameWidth: 19).text
  }
}
