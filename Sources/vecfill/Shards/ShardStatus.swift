import Backfill
import Configuration
import Foundation
import MessageStores
import Postgres

/// The stored plan of a job, for `vecfill status`.
enum ShardStatus {
  /// In words; nil where no plan is stored, or no PostgreSQL database is named. If the database can't be read, it is the
  /// reason.
  static func text(_ spec: String) async -> String? {
    do {
      return try await report(spec)?.text
    } catch {
      return Failure.of(error).map { "shards: not known: \($0)" }
    }
  }

  /// The same as figures.
  static func report(_ spec: String) async throws -> ShardReport? {
    let configuration = try JobConfiguration(spec: spec)
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
