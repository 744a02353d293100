import Backfill
import Configuration
import Foundation
import MessageStores
import Postgres

extension Filling {
  /// Runs `body` with the database's spool of the columns, and closes it; with nil for `spool: ledger`.
  func withSpool<Value>(
    of claims: [ColumnClaim], _ body: ((any DatabaseSpool)?) async throws -> Value
  ) async throws -> Value {
    guard job.spool == .database else { return try await body(nil) }
    guard batches == nil else { throw Failure.noSpoolOfBatches }
    let spool = try await DatabaseURL(configuration.databaseURL().reveal()).openSpool(
      of: zip(job.sources, claims).map { (source: $0, identity: $1.column) }, shard: shard,
      applicationName: "vecfill \(Host.process)", maxOutage: .seconds(maxOutage))
    do {
      let value = try await body(spool)
      await spool.close()
      return value
    } catch {
      await spool.close()
      throw error
    }
  }
}
