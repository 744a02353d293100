import Backfill
import Migrations
import Postgres
import TestSupport
import Testing

/// A vector column that takes no NULL, and a job whose trigger would empty it: of each edited text with `clear`, and of one
/// that becomes blank with `digest`.
@Suite struct NeededVectorTests {
  /// How such a column is declared in PostgreSQL.
  static let declarations = [
    "embedding vector(3) NOT NULL", "embedding vector(3), CHECK (embedding IS NOT NULL)",
    "\"embedding\" vector(3) CONSTRAINT filled CHECK (\"embedding\" IS NOT NULL)", "embedding filled_vector",
  ]
  private static let words = "its column embedding takes no NULL"

  private static func source(_ edits: Edits, apart: Bool = false) -> Source {
    var source = Source(table: "m")
    source.edits = edits
    source.keepsDigestsApart = apart
    return source
  }

  private static func filled(_ declaration: String) async throws -> Fixture {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE DOMAIN filled_vector AS vector(3) NOT NULL;
      CREATE TABLE m (id int PRIMARY KEY, content text, \(declaration));
      INSERT INTO m VALUES (1, 'text', '[1,2,3]')
      """)
    return fixture
  }

  @Test(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"), arguments: declarations)
  func `with clear the trigger is refused, since the application's own UPDATE would fail`(_ declaration: String)
    async throws
  {
    let fixture = try await Self.filled(declaration)
    let job = JobMigrationsTests.job(Self.source(.clear), dimensions: 3, index: .keep)
    let failure = await #expect(throws: Failure.self) {
      _ = try await fixture.migrating(for: job) { try await $0.up() }
    }
    #expect(failure?.exitCode == .configuration && failure?.reason.contains(Self.words) == true, "\(failure as Any)")
    #expect(failure?.remedy?.contains("ALTER TABLE \"m\" ALTER COLUMN \"embedding\" DROP NOT NULL") == true)
    try await fixture.database.run("UPDATE m SET content = 'other'; UPDATE m SET content = ''")
  }

  @Test(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"), arguments: declarations)
  func `with digest the trigger is made, an edit is marked, and what fails is told before`(_ declaration: String)
    async throws
  {
    let fixture = try await Self.filled(declaration)
    let job = JobMigrationsTests.job(Self.source(.digest), dimensions: 3, index: .keep)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(fixture.lines.contain(Self.words))
    try await fixture.database.run("UPDATE m SET content = 'other'")
    #expect(try await fixture.database.value("SELECT octet_length(embedding_digest) FROM m") == "0")
    await #expect(throws: (any Error).self) { try await fixture.database.run("UPDATE m SET content = ''") }
  }

  @Test(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
  func `without such a trigger it is taken as it is`() async throws {
    for source in [Self.source(.ignore), Self.source(.digest, apart: true)] {
      let fixture = try await Self.filled("embedding vector(3) NOT NULL")
      let job = JobMigrationsTests.job(source, dimensions: 3, index: .keep)
      _ = try await fixture.migrating(for: job) { try await $0.up() }
      try await JobMigrationsTests.expectSettled(fixture, job)
      #expect(!fixture.lines.contain(Self.words))
    }
  }

  @Test func `SQLite is no exception`() async throws {
    let file = try SQLiteFile()
    try await file.run("CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT, embedding VECTOR(3) NOT NULL)")
    let job = JobMigrationsTests.job(Self.source(.clear), dimensions: 3, index: .keep)
    let failure = await #expect(throws: Failure.self) {
      try await SQLiteEditTriggerTests.migrating(file, job) { _ = try await $0.up() }
    }
    #expect(failure?.exitCode == .configuration && failure?.reason.contains(Self.words) == true, "\(failure as Any)")
    #expect(try await file.run("SELECT name FROM sqlite_master WHERE type = 'trigger'") == [])
  }
}
