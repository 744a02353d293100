import Backfill
import Configuration
import Foundation
import Ledger
import Logging
import MessageStores
import Pipeline
import Postgres

/// With whom a job's limits and its budget are shared, for all rounds of a process.
struct Sharing: Sendable {
  let allowance: PostgresAllowance
  /// Dollars that all who share have spent before; nil where that can't be read.
  let spent: Double?
  private let pool: String
  private let ledger: String
  private let job: String
  private let logger: Logger

  /// Finds or makes the table of what is shared; nil where the job shares nothing.
  static func open(
    _ job: Job, _ configuration: JobConfiguration, _ ledger: Ledger, maxOutage: Double, _ logger: Logger
  ) async throws -> Sharing? {
    guard job.share == .database, let source = job.sources.first else { return nil }
    let (url, name) = (try DatabaseURL(configuration.databaseURL().reveal()), "vecfill \(Host.process)")
    let allowance = try await PostgresAllowance(
      url: url, applicationName: name, source: source, patience: PostgresPatience(limit: .seconds(maxOutage)))
    let pool = try configuration.pool()
    let reading = try? await PostgresSharedPools.read(pool, in: url, applicationName: name)
    return Sharing(
      allowance: allowance, spent: reading?.spent, pool: pool, ledger: try await ledger.name, job: job.name,
      logger: logger)
  }

  /// For one round, as the ledger began it.
  func member(_ begun: Ledger.BegunRun) -> Pipeline.Sharing {
    let columns = begun.targets.sorted().map(String.init).joined(separator: ",")
    let member = ShareMember(
      pool: pool, participant: "\(ledger)/\(columns)", session: UUID().uuidString, job: job,
      process: Host.process)
    return Pipeline.Sharing(allowance, member: member) { [logger] failure in
      logger.warning(
        "nothing could be given back, so the dollars that it had reserved count as spent by all that share: \(failure)")
    }
  }
}
