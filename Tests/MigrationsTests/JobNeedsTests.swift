import Backfill
import Foundation
import Migrations
import TestSupport
import Testing

@Suite struct JobNeedsTests {
  static let table =
    "CREATE TABLE \"My Notes\" (\"Key\" uuid PRIMARY KEY, body text); INSERT INTO \"My Notes\" VALUES (gen_random_uuid(), 'x')"
  static let source = Source(table: "My Notes", keys: ["Key"], text: "body", vector: "Vec")

  static func drafts(
    _ fixture: Fixture, _ folder: Folder, dimensions: Int, of source: Source = source
  ) async throws -> [String] {
    try await fixture.migrating(folder: folder.path) { migrator in
      let needs = JobNeeds(dimensions: dimensions, migrator.database, migrator.set)
      let result = try await needs.missing(for: [source])
      let first = try MigrationSet.nextVersion(in: folder.path)
      for (index, draft) in result.drafts.enumerated() {
        _ = try draft.write(version: first + index, to: folder.path)
      }
      return result.drafts.map(\.name)
    }
  }

  @Test(arguments: [1536, 3072])
  func `what a table of any name lacks is written as files that can be applied, and then nothing is lacking`(
    _ dimensions: Int
  ) async throws {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.database.run(Self.table)
    let folder = try Folder([:])
    let stem = "my_notes_vec"
    #expect(
      try await Self.drafts(fixture, folder, dimensions: dimensions)
        == ["vector_extension", stem, "\(stem)_missing", "\(stem)_hnsw", "\(stem)_filled"])
    #expect(try await Self.drafts(fixture, folder, dimensions: dimensions) == [])
    let set = try folder.set()
    #expect(Linter.findings(in: set, .postgres) == [])
    let early = try await fixture.migrating(folder: folder.path) { try await $0.up() }
    #expect(early.map(\.version) == [1, 2, 3])
    try await fixture.database.run("UPDATE \"My Notes\" SET \"Vec\" = array_fill(1, ARRAY[\(dimensions)])::vector")
    let late = try await fixture.migrating(folder: folder.path) { try await $0.up() }
    #expect(late.map(\.version) == [4, 5])
    #expect(try await Self.drafts(fixture, try Folder([:]), dimensions: dimensions) == [])
    let definition = try await fixture.database.value(
      "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '\"My Notes\"'::regclass AND NOT indisprimary")
    #expect(definition?.contains(dimensions > 2000 ? "halfvec_cosine_ops" : "(\"Vec\" vector_cosine_ops)") == true)
    _ = try await fixture.migrating(folder: folder.path) { try await $0.down(to: 0) }
    #expect(try await fixture.catalogue().filter { $0[1] == "My Notes" }.map { $0[2] } == ["Key", "body"])
  }

  @Test func `in a schema off the search path everything comes and goes too`() async throws {
    let fixture = try await Fixture(.sixteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE SCHEMA "Notes App"; CREATE TABLE "Notes App".notes (uid uuid PRIMARY KEY, body text, vec halfvec(3072));
      INSERT INTO "Notes App".notes VALUES (gen_random_uuid(), 'x')
      """)
    func indexes() async throws -> [[String?]] {
      try await fixture.database.run(
        """
        SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE indrelid = '"Notes App".notes'::regclass AND NOT indisprimary
        """)
    }
    let folder = try Folder([:])
    let source = Source(schema: "Notes App", table: "notes", keys: ["uid"], text: "body", vector: "vec")
    #expect(try await Self.drafts(fixture, folder, dimensions: 3072, of: source).count == 3)
    _ = try await fixture.migrating(folder: folder.path) { try await $0.up() }
    #expect(try await indexes() == [["idx_notes_vec_missing", "t"]])
    try await fixture.database.run("UPDATE \"Notes App\".notes SET vec = array_fill(1, ARRAY[3072])::halfvec")
    _ = try await fixture.migrating(folder: folder.path) { try await $0.up() }
    #expect(try await indexes() == [["idx_notes_vec_hnsw", "t"]])
    _ = try await fixture.migrating(folder: folder.path) { try await $0.down(to: 0) }
    #expect(try await indexes() == [])
  }

  @Test func `what the application made is recognised, whatever it is called`() async throws {
    let fixture = try await Fixture(.sixteen, .empty, pgvector: true)
    try await fixture.database.run(
      Self.table + """
        ; ALTER TABLE "My Notes" ADD COLUMN "Vec" halfvec(8);
        CREATE INDEX mine ON "My Notes" USING hnsw ("Vec" halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)
        """)
    #expect(
      try await Self.drafts(fixture, try Folder([:]), dimensions: 8) == ["my_notes_vec_missing", "my_notes_vec_filled"])
  }

  @Test func `a job of the tables that ship needs nothing that isn't in the set`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let result = try await fixture.migrating { migrator in
      try await JobNeeds(dimensions: 1536, migrator.database, migrator.set)
        .missing(for: StartingSchema.tables.map { Source(table: $0) })
    }
    #expect(result.drafts == [])
    #expect(
      result.notes.contains(
        "column chat_messages.embedding is made by 0003_embedding_columns: run `vecfill migrate up`"))
  }

  @Test(arguments: [
    (Source(table: "nowhere"), 8, "there is no such table"),
    (Source(table: "chat_messages"), 3072, "it is there as vector(1536)"),
  ])
  func `what can't be mended by a migration is refused`(_ source: Source, _ dimensions: Int, _ message: String)
    async throws
  {
    let fixture = try await Fixture(.eighteen, .original)
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating { migrator in
        _ = try await JobNeeds(dimensions: dimensions, migrator.database, migrator.set).missing(for: [source])
      }
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains(message) == true, "\(failure.map(\.description) ?? "")")
  }
}
