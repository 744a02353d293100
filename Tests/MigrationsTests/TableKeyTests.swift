import Backfill
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

/// What `migrate up` makes goes by the key that a run pages the table by.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct TableKeyTests {
  static let tables: [(columns: String, keys: [String], key: String)] = [
    ("uid uuid PRIMARY KEY", ["id"], "uid"), ("id int, day date, PRIMARY KEY (id, day)", ["id"], "id, day"),
    ("id int, day date, PRIMARY KEY (id, day)", ["day", "id"], "id, day"),
    ("id int PRIMARY KEY, code text NOT NULL UNIQUE", ["code"], "code"),
    ("id int UNIQUE NOT NULL, uid uuid PRIMARY KEY", ["id"], "id"),
  ]

  private static func job(_ keys: [String], _ change: (inout Source) -> Void) -> Job {
    var source = Source(table: "m", keys: keys)
    change(&source)
    return JobMigrationsTests.job(source, dimensions: 3, index: .keep)
  }

  @Test(arguments: tables)
  func `indexes, tables of digests and tables of pieces have the key of the table itself`(
    _ table: (columns: String, keys: [String], key: String)
  ) async throws {
    let jobs = [
      Self.job(table.keys) { _ in },
      Self.job(table.keys) { source in
        source.edits = .digest
        source.keepsDigestsApart = true
      },
      Self.job(table.keys) { $0.chunks = Chunks(table: "pieces") },
    ]
    for (index, job) in jobs.enumerated() {
      let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
      try await fixture.database.run("CREATE TABLE m (\(table.columns), content text)")
      _ = try await fixture.migrating(for: job) { try await $0.up() }
      try await JobMigrationsTests.expectSettled(fixture, job)
      let made = ["m", "vecfill_digest_m_embedding", "pieces"][index]
      let key = index == 2 ? "\(table.key), number" : table.key
      let found = try await fixture.database.run(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '\(made)'::regclass")
      let wanted =
        index == 0 ? "_missing ON public.m USING btree (\(key))" : "_pkey ON public.\(made) USING btree (\(key))"
      #expect(found.contains { $0[0]?.contains(wanted) == true }, "\(found)")
    }
  }

  @Test(arguments: [
    (
      "id int", ["id"],
      "m: it has no primary key; add a primary key, or name NOT NULL columns that have a unique index with `key` in the job"
    ),
    (
      "id int, slug text NOT NULL UNIQUE", ["id"],
      "m: it has no primary key; name the columns of its unique index in the job: key: [slug]"
    ),
    (
      "a int NOT NULL, b text NOT NULL, UNIQUE (a, b)", ["id"],
      "m: it has no primary key; name the columns of its unique index in the job: key: [a, b]"
    ),
    (
      "a int, b text UNIQUE", ["id"],
      "m: it has no primary key; add a primary key, or name NOT NULL columns that have a unique index with `key` in the job"
    ),
    (
      "slug text NOT NULL UNIQUE", ["slag"],
      "m.slag: there is no such column; name the columns of its unique index in the job: key: [slug]"
    ),
    (
      "id int, n int PRIMARY KEY", ["nr"],
      "m.nr: there is no such column; name its primary key with `key` in the job"
    ),
  ])
  func `a table that can't be paged by the job's key is refused with what can be named, if anything`(
    _ columns: String, _ keys: [String], _ told: String
  ) async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run("CREATE TABLE m (\(columns), content text)")
    let job = JobMigrationsTests.job(Source(table: "m", keys: keys), dimensions: 3)
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating(for: job) { try await $0.up() }
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description == told)
  }

  @Test(arguments: [SourceText.column("shown"), .columns(["content", "shown"])])
  func `a text that is computed where it is read gets an index over all rows without a vector`(
    _ text: SourceText
  ) async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      "CREATE TABLE m (id int PRIMARY KEY, content text, shown text GENERATED ALWAYS AS (upper(content)) VIRTUAL)")
    let job = Self.job(["id"]) { $0.text = text }
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    try await JobMigrationsTests.expectSettled(fixture, job)
    #expect(
      try await JobMigrationsTests.definitions(fixture, of: "m") == [
        "CREATE INDEX idx_m_embedding_missing ON public.m USING btree (id) WHERE (embedding IS NULL)"
      ])
  }

  @Test func `an index that is there is known, whatever the role has quoted`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(3));
      CREATE INDEX idx_m_embedding_missing ON m (id) WHERE embedding IS NULL;
      ALTER DATABASE \(fixture.database.name) SET quote_all_identifiers = on
      """)
    let job = Self.job(["id"]) { _ in }
    let applied = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(applied.map(\.name).last == "m_embedding_missing")
    #expect(fixture.lines.contain("index idx_m_embedding_missing is there already"))
    try await JobMigrationsTests.expectSettled(fixture, job)
  }

  @Test(arguments: [
    ("CREATE TABLE m (uid TEXT NOT NULL PRIMARY KEY, content TEXT)", ["id"], ["uid"]),
    ("CREATE TABLE m (a INTEGER, b INTEGER, content TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID", ["id"], ["a", "b"]),
    ("CREATE TABLE m (Number INTEGER PRIMARY KEY, content TEXT)", ["rowid"], ["Number"]),
  ])
  func `in SQLite, too`(_ table: String, _ keys: [String], _ key: [String]) async throws {
    let file = try SQLiteFile()
    try await file.run(table)
    let job = Self.job(keys) { _ in }
    for _ in 0..<2 { _ = try await SQLiteEditTriggerTests.migrating(file, job) { try await $0.up() } }
    let found = try await file.run("SELECT name FROM pragma_index_info('idx_m_embedding_lacking') ORDER BY seqno")
    #expect(found.map { $0[0] } == key)
  }
}
