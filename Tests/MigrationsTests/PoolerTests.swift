import Backfill
import Foundation
import Migrations
import TestSupport
import Testing

/// A real PgBouncer before a real PostgreSQL; without the package pgbouncer these tests are skipped.
@Suite(
  .enabled(if: Helper.pgbouncer.isUsable, "\(Helper.pgbouncer.missing)"),
  .enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PoolerTests {
  @Test(arguments: [PgBouncer.Mode.transaction, .statement])
  func `a pooler that spreads statements is refused before anything is changed`(_ mode: PgBouncer.Mode) async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let pooler = try await PgBouncer(before: fixture.database, mode: mode)
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating(url: pooler.url) { _ = try await $0.up() }
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains("--migration-database-url") == true)
    #expect(try await fixture.database.value("SELECT to_regclass('vecfill_migration')") == nil)
  }

  @Test func `the database's own address is used beside the pooler's`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let pooler = try await PgBouncer(before: fixture.database, mode: .transaction)
    let refused = try await VecfillProcess.run(
      ["migrate", "up", "--migrations", Fixture.shipped], environment: ["DATABASE_URL": pooler.url])
    #expect(refused.code == 78)
    let exit = try await VecfillProcess.run(
      ["migrate", "up", "--migrations", Fixture.shipped],
      environment: ["DATABASE_URL": pooler.url, "VECFILL_MIGRATION_DATABASE_URL": fixture.database.url])
    #expect(exit.code == 0, "\(exit.errors)")
  }

  @Test func `a pooler in session mode, and reading through any, are let through`() async throws {
    let fixture = try await Fixture(.sixteen, .beforeVectors)
    let session = try await PgBouncer(before: fixture.database, mode: .session)
    let applied = try await fixture.migrating(url: session.url) { try await $0.up() }
    #expect(applied.count == 7)
    let transaction = try await PgBouncer(before: fixture.database, mode: .transaction)
    let lines = try await fixture.migrating(url: transaction.url) { try await $0.status() }
    #expect(lines.map(\.state) == Array(repeating: "applied", count: 7))
  }
}
