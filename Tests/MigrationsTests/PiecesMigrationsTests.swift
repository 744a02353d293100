import Backfill
import Migrations
import TestSupport
import Testing

/// The table of the pieces of a job's texts, and its view.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PiecesMigrationsTests {
  static let source = Source(
    table: "My Notes", keys: ["Key"], text: "body", vector: "Vec", chunks: Chunks(table: "note pieces"))

  @Test(arguments: [PostgresCluster.Major.sixteen, .eighteen])
  func `up makes the table and the view, and down leaves what was there before`(
    _ version: PostgresCluster.Major
  ) async throws {
    let fixture = try await Fixture(version, .empty)
    try await fixture.database.run(JobMigrationsTests.table)
    try await fixture.database.run("CREATE EXTENSION vector")
    let atFirst = try await fixture.catalogue()
    let job = JobMigrationsTests.job(Self.source, dimensions: 3)
    let applied = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(applied.map(\.name) == ["vector_extension", "note_pieces", "note_pieces_rows"])
    try await JobMigrationsTests.expectSettled(fixture, job)
    let made = try await fixture.catalogue()
    try await fixture.database.run(
      """
      UPDATE "My Notes" SET body = 'one two';
      INSERT INTO "note pieces" SELECT "Key", 0, 4, 7, sha256('one two'), '[1,2,3]' FROM "My Notes"
      """)
    #expect(
      try await fixture.database.run(
        "SELECT number, start, \"end\", is_current, piece, \"Vec\" FROM \"note pieces_rows\"")
        == [["0", "4", "7", "t", "two", "[1,2,3]"]])
    try await fixture.database.run("UPDATE \"My Notes\" SET body = 'three four'")
    #expect(
      try await fixture.database.run("SELECT is_current, piece FROM \"note pieces_rows\"") == [["f", nil]])
    let losses = try await fixture.migrating(for: job) { try await $0.losses(to: 0) }
    #expect(losses.map(\.values) == [1])
    try await fixture.database.run("DELETE FROM \"My Notes\"")
    #expect(try await fixture.database.run("SELECT 1 FROM \"note pieces\"").isEmpty)
    try await fixture.migrating(for: job) { _ = try await $0.down(to: 1) }
    #expect(try await fixture.catalogue() == atFirst)
    try await fixture.migrating(for: job) { _ = try await $0.up() }
    #expect(try await fixture.catalogue() == made)
  }
}
