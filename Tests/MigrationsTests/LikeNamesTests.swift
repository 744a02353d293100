import Backfill
import Foundation
import Migrations
import PgVector
import Postgres
import TestSupport
import Testing

/// Tables and columns whose names make the same words: each gets names of its own for what is made for it.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct LikeNamesTests {
  /// Two columns of which plain names are one.
  struct Pair: Sendable, CustomTestStringConvertible {
    let tables: String
    let sources: [Source]

    var testDescription: String { sources.map { "\($0.table).\($0.vector)" }.joined(separator: " ") }
  }

  static let pairs = [
    Pair(
      tables: """
        CREATE TABLE product (id int PRIMARY KEY, content text, description_embedding vector(3));
        CREATE TABLE product_description (id int PRIMARY KEY, content text, embedding vector(3));
        """,
      sources: [
        Source(table: "product", vector: "description_embedding"), Source(table: "product_description"),
      ]),
    Pair(
      tables: """
        CREATE TABLE msg (id int PRIMARY KEY, content text, emb vector(3));
        CREATE TABLE "Msg" (id int PRIMARY KEY, content text, "Emb" vector(3));
        """, sources: [Source(table: "msg", vector: "emb"), Source(table: "Msg", vector: "Emb")]),
    Pair(
      tables: "CREATE TABLE m (id int PRIMARY KEY, content text, e_b vector(3), e__b vector(3));",
      sources: [Source(table: "m", vector: "e_b"), Source(table: "m", vector: "e__b")]),
  ]

  static func job(_ sources: [Source], _ edits: Edits, apart: Bool = false, name: String = "notes") -> Job {
    Job(
      name: name,
      sources: sources.map { source in
        var source = source
        source.edits = edits
        source.keepsDigestsApart = apart
        source.notifies = true
        return source
      }, model: Model(name: "m", dimensions: 3), indexPolicy: .after)
  }

  /// Gives row 1 of each source the vector and, with digests, one of an earlier text.
  private static func fill(_ sources: [Source], _ edits: Edits) -> String {
    sources.map { source in
      let vector = source.vector.quotedIdentifier
      let digest = edits == .digest ? ", \(source.digestColumn.quotedIdentifier) = 'abc'" : ""
      return "UPDATE \(source.table.quotedIdentifier) SET \(vector) = '[1,2,3]'\(digest);"
    }.joined()
  }

  private static func rows(_ sources: [Source]) -> String {
    Set(sources.map(\.table)).map { "INSERT INTO \($0.quotedIdentifier) VALUES (1, 'text');" }.joined()
  }

  @Test(arguments: pairs, [Edits.clear, .digest])
  func `an edit is noticed in each of them, and none keeps the application from writing`(
    _ pair: Pair, _ edits: Edits
  ) async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(pair.tables + Self.rows(pair.sources))
    // Each in a job of its own, then both in one, in either order.
    let jobs =
      pair.sources.map { Self.job([$0], edits, name: $0.vector) } + [
        Self.job(pair.sources, edits), Self.job(pair.sources.reversed(), edits, name: "reversed"),
      ]
    for job in jobs { _ = try await fixture.migrating(for: job) { try await $0.up() } }
    try await fixture.database.run(Self.fill(pair.sources, edits))
    for job in jobs { _ = try await fixture.migrating(for: job) { try await $0.up() } }
    for job in jobs { try await JobMigrationsTests.expectSettled(fixture, job) }
    for source in pair.sources {
      let (table, vector) = (source.table.quotedIdentifier, source.vector.quotedIdentifier)
      try await fixture.database.run("UPDATE \(table) SET content = content || '.'")
      let isNoticed = edits == .clear ? "\(vector) IS NULL" : "\(source.digestColumn.quotedIdentifier) = ''"
      #expect(try await fixture.database.value("SELECT \(isNoticed) FROM \(table)") == "t")
    }
    let indexes = try await fixture.database.value("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'")
    #expect(indexes == "2")
    for job in jobs { _ = try await fixture.migrating(for: job) { try await $0.down(to: 0) } }
  }

  @Test(arguments: pairs)
  func `each has a table of digests of its own`(_ pair: Pair) async throws {
    let fixture = try await Fixture(.sixteen, .empty, pgvector: true)
    try await fixture.database.run(pair.tables)
    let first = Self.job([pair.sources[0]], .digest, apart: true)
    let second = Self.job([pair.sources[1]], .digest, apart: true, name: "other")
    _ = try await fixture.migrating(for: first) { try await $0.up() }
    // As an earlier version left it.
    try await fixture.database.run(
      """
      COMMENT ON TABLE \(DigestTable.name(of: pair.sources[0]).plain) IS NULL;
      DELETE FROM vecfill_migration WHERE name LIKE '%_owner'
      """)
    for job in [second, first, second] {
      _ = try await fixture.migrating(for: job) { try await $0.up() }
      try await JobMigrationsTests.expectSettled(fixture, job)
    }
    let tables = try await fixture.database.run(
      "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class WHERE relname LIKE 'vecfill_digest_%' AND relkind = 'r'"
    )
    #expect(tables.count == 2)
    for (source, isPlain) in zip(pair.sources, [true, false]) {
      let name = DigestTable.name(of: source)
      #expect(tables.contains([isPlain ? name.plain : name.exact, DigestTable.comment(of: source)]))
    }
  }

  @Test(arguments: pairs)
  func `one job gives each a table of digests of its own`(_ pair: Pair) async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(pair.tables)
    for sources in [pair.sources, pair.sources.reversed()] {
      let job = Self.job(sources, .digest, apart: true)
      _ = try await fixture.migrating(for: job) { try await $0.up() }
      try await JobMigrationsTests.expectSettled(fixture, job)
    }
    let tables = try await fixture.database.value(
      "SELECT count(DISTINCT obj_description(oid, 'pg_class')) FROM pg_class WHERE relname LIKE 'vecfill_digest_%' AND relkind = 'r'"
    )
    #expect(tables == "2")
  }

  @Test func `two tables to which an earlier version gave one function get one each`() async throws {
    let pair = Self.pairs[0]
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(pair.tables + Self.rows(pair.sources))
    let name = TriggerName.of(pair.sources[0], TriggerName.Suffix.clear).plain
    try await fixture.database.run(
      """
      CREATE FUNCTION \(name)() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW."embedding"::text = OLD."embedding"::text THEN NEW."embedding" := NULL; END IF; RETURN NEW; END $$;
      CREATE TRIGGER \(name) BEFORE UPDATE ON product FOR EACH ROW
        WHEN (OLD.description_embedding IS NOT NULL) EXECUTE FUNCTION \(name)();
      CREATE TRIGGER \(name) BEFORE UPDATE ON product_description FOR EACH ROW
        WHEN (OLD.embedding IS NOT NULL) EXECUTE FUNCTION \(name)();
      """ + Self.fill(pair.sources, .clear))
    let job = Self.job(pair.sources, .clear)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    try await JobMigrationsTests.expectSettled(fixture, job)
    try await fixture.database.run(
      "UPDATE product SET content = 'other'; UPDATE product_description SET content = 'other'")
    #expect(try await fixture.database.value("SELECT description_embedding IS NULL FROM product") == "t")
    #expect(try await fixture.database.value("SELECT embedding IS NULL FROM product_description") == "t")
  }

  @Test func `a column's name that leaves no room for more gets a column of digests, too`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    for vector in [String(repeating: "v", count: 63), String(repeating: "\u{e9}", count: 31)] {
      let table = "t\(vector.utf8.count)"
      try await fixture.database.run("CREATE TABLE \(table) (id int PRIMARY KEY, content text)")
      let job = Self.job([Source(table: table, vector: vector)], .digest)
      _ = try await fixture.migrating(for: job) { try await $0.up() }
      try await JobMigrationsTests.expectSettled(fixture, job)
      let columns = try await fixture.database.run(
        "SELECT attname FROM pg_attribute WHERE attrelid = '\(table)'::regclass AND attnum > 2 ORDER BY attnum")
      #expect(columns.map { $0[0] } == [vector, job.sources[0].digestColumn])
    }
  }
}

@Suite struct SQLiteLikeNamesTests {
  @Test(arguments: [
    (
      """
      CREATE TABLE product (id INTEGER PRIMARY KEY, content TEXT, description_embedding BLOB);
      CREATE TABLE product_description (id INTEGER PRIMARY KEY, content TEXT, embedding BLOB);
      """, LikeNamesTests.pairs[0].sources
    ),
    (
      "CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT, e_b BLOB, e__b BLOB)", LikeNamesTests.pairs[2].sources
    ),
  ])
  func `an edit is noticed in each of them`(_ tables: String, _ sources: [Source]) async throws {
    let file = try SQLiteFile()
    try await file.run(tables)
    for sources in [[sources[0]], [sources[1]], sources, sources.reversed()] {
      var job = LikeNamesTests.job(sources, .clear, name: "\(sources.count)\(sources[0].vector)")
      job.indexPolicy = .keep
      for _ in 0..<2 { _ = try await SQLiteEditTriggerTests.migrating(file, job) { try await $0.up() } }
      try await SQLiteEditTriggerTests.migrating(file, job) { (migrator) async throws in
        #expect(try await migrator.verify() == [])
      }
    }
    for source in sources {
      try await file.run(
        """
        INSERT OR IGNORE INTO \(source.table) (id, content) VALUES (1, 'text');
        UPDATE \(source.table) SET \(source.vector) = '[1,2,3]'; UPDATE \(source.table) SET content = content || '.';
        """)
      #expect(try await file.run("SELECT \(source.vector) FROM \(source.table)") == [[nil]])
    }
  }
}
