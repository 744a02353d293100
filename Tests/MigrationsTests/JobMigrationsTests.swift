import Backfill
import Foundation
import MessageStores
import Migrations
import PgVector
import Postgres
import TestSupport
import Testing

/// What `vecfill migrate up JOB` makes of a job's own tables.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct JobMigrationsTests {
  static let table =
    "CREATE TABLE \"My Notes\" (\"Key\" uuid PRIMARY KEY, body text); INSERT INTO \"My Notes\" VALUES (gen_random_uuid(), 'x')"
  static let notes = Source(table: "My Notes", keys: ["Key"], text: "body", vector: "Vec")

  static func job(_ sources: Source..., dimensions: Int, index: IndexPolicy = .after, name: String = "notes") -> Job {
    Job(name: name, sources: sources, model: Model(name: "m", dimensions: dimensions), indexPolicy: index)
  }

  static func definitions(_ fixture: Fixture, of table: String) async throws -> [String] {
    try await fixture.database.run(
      """
      SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '\(table)'::regclass AND NOT indisprimary
        AND indisvalid ORDER BY 1
      """
    ).compactMap { $0[0] }
  }

  /// The condition of an index that leaves out blank rows, as PostgreSQL shows it.
  static func condition(_ vector: String, _ text: String) -> String {
    let rest = [" ", "\t", "\n", "\r"].reduce("(\(text) COLLATE \"C\")") { "replace(\($0), '\($1)'::text, ''::text)" }
    return "((\(vector) IS NULL) AND ((octet_length(\(text)) > 1000) OR (octet_length(\(rest)) > 0)))"
  }

  /// Plan, up and verify agree that nothing is left to do.
  static func expectSettled(_ fixture: Fixture, _ job: Job, url: String? = nil) async throws {
    try await fixture.migrating(for: job, url: url) { (migrator) async throws in
      #expect(try await migrator.plan().steps == [])
      #expect(try await migrator.up() == [])
      #expect(try await migrator.verify() == [])
    }
  }

  @Test(arguments: [1536, 3072])
  func `a table of any name gets what it lacks, and loses just that on the way back`(_ dimensions: Int) async throws {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.database.run(Self.table)
    let job = Self.job(Self.notes, dimensions: dimensions)
    let early = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(early.map(\.name) == ["vector_extension", "my_notes_vec", "my_notes_vec_missing"])
    #expect(fixture.lines.contain("my_notes_vec_hnsw: waits for the load: 1 of 1 row of"))
    try await fixture.database.run("UPDATE \"My Notes\" SET \"Vec\" = array_fill(1, ARRAY[\(dimensions)])::vector")
    let late = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(late.map(\.name) == ["my_notes_vec_hnsw"])
    try await Self.expectSettled(fixture, job)
    let key = dimensions > 2000 ? "(((\"Vec\")::halfvec(3072)) halfvec_cosine_ops)" : "(\"Vec\" vector_cosine_ops)"
    #expect(
      try await Self.definitions(fixture, of: "\"My Notes\"") == [
        "CREATE INDEX idx_my_notes_vec_hnsw ON public.\"My Notes\" USING hnsw \(key) WITH (m='16', ef_construction='64')",
        "CREATE INDEX idx_my_notes_vec_missing ON public.\"My Notes\" USING btree (\"Key\") "
          + "WHERE \(Self.condition("\"Vec\"", "body"))",
      ])
    try await fixture.migrating(for: job) { _ = try await $0.down(to: 0) }
    #expect(try await fixture.catalogue().filter { $0[1] == "My Notes" }.map { $0[2] } == ["Key", "body"])
    #expect(try await fixture.catalogue().allSatisfy { $0[0] != "extension" || $0[1] != "vector" })
  }

  /// The original application's schema with its own vectors, and with those of another model.
  @Test(arguments: [384, 1536])
  func `the application's own columns and indexes are found, and the rest is made`(_ dimensions: Int) async throws {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.database.run(
      StartingSchema.original.postgres.replacing("vector(1536)", with: "vector(\(dimensions))"))
    let atFirst = try await fixture.catalogue()
    let job = Self.job(
      Source(table: "chat_messages"), Source(table: "standalone_chat_messages"), dimensions: dimensions, index: .keep)
    let planned = try await fixture.migrating(for: job) { (migrator) async throws in
      try await migrator.plan().steps.map(\.migration.name)
    }
    let applied = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(applied.map(\.name) == planned)
    #expect(fixture.lines.contain("column chat_messages.embedding is there already"))
    try await Self.expectSettled(fixture, job)
    #expect(
      try await Self.definitions(fixture, of: "chat_messages").contains(
        "CREATE INDEX idx_chat_messages_embedding_missing ON public.chat_messages USING btree (id) "
          + "WHERE \(Self.condition("embedding", "content"))"
      ))
    try await fixture.migrating(for: job) { _ = try await $0.down(to: 0) }
    #expect(try await fixture.catalogue() == atFirst)
  }

  @Test(arguments: [384, 1536])
  func `through the command line plan, up and verify agree, and the way without a job says so`(_ dimensions: Int)
    async throws
  {
    let fixture = try await Fixture(.sixteen, .empty)
    try await fixture.database.run(
      StartingSchema.original.postgres.replacing("vector(1536)", with: "vector(\(dimensions))"))
    let folder = try TemporaryFolder()
    try Data(
      "sources: [{table: chat_messages}, {table: standalone_chat_messages}]\nprovider: local\ndimensions: \(dimensions)\n"
        .utf8
    ).write(to: URL(filePath: folder.file("job.yaml")))
    func migrate(_ arguments: String...) async throws -> VecfillProcess.Exit {
      try await VecfillProcess.run(
        ["migrate"] + arguments,
        environment: [
          "DATABASE_URL": fixture.database.url, "XDG_STATE_HOME": folder.path, "VECFILL_LEDGER": folder.file("l.db"),
        ], workingFolder: folder.path)
    }
    let plan = try await migrate("plan", "job.yaml")
    #expect(plan.code == 0, "\(plan.errors)")
    #expect(plan.output.contains("_chat_messages_embedding_missing: would be applied"))
    #expect(
      try await migrate("sql", "job.yaml").output.contains(
        #"CREATE INDEX CONCURRENTLY "idx_chat_messages_embedding_missing" ON "chat_messages" ("id") WHERE "embedding" IS NULL AND (pg_c"#
      ))
    let up = try await migrate("up", "job.yaml")
    #expect(up.code == 0, "\(up.errors)")
    #expect(try await migrate("status", "job.yaml").output.contains("applied: was there already"))
    #expect(try await migrate("history").output.contains("  job job  up  1 vector_extension  vecfill migrate "))
    #expect(try await migrate("plan", "job.yaml").output == "nothing to apply\n")
    #expect(try await migrate("up", "job.yaml").output == "nothing to apply\n")
    let verify = try await migrate("verify", "job.yaml")
    #expect(verify.code == 0, "\(verify.output)")
    #expect(try await migrate("verify").code == 0)
    let shipped = try await migrate("up")
    #expect(shipped.code == (dimensions == 1536 ? 0 : 78))
    if dimensions != 1536 {
      #expect(shipped.errors.contains("it is there as vector(384); for other tables or dimensions"))
      #expect(shipped.errors.contains("`vecfill migrate up JOB`") && !shipped.errors.contains("stamp"))
      #expect(try await migrate("plan").code == 78)
    }
    #expect(try await migrate("verify").code == 0)
    #expect(try await migrate("verify", "job.yaml").code == 0)
    #expect(try await migrate("up", "job.yaml", "--migrations", folder.path).code == 64)
  }

  @Test func `pgvector in a schema off the search path is found, and everything of it is qualified`() async throws {
    let fixture = try await Fixture(.sixteen, .empty)
    try await fixture.database.run(
      """
      CREATE SCHEMA "Ext ensions"; CREATE EXTENSION vector SCHEMA "Ext ensions"; CREATE SCHEMA "Notes App";
      CREATE TABLE "Notes App".notes (uid uuid PRIMARY KEY, body text);
      INSERT INTO "Notes App".notes VALUES (gen_random_uuid(), 'x')
      """)
    let source = Source(schema: "Notes App", table: "notes", keys: ["uid"], text: "body", vector: "vec")
    let job = Self.job(source, dimensions: 3072)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    try await fixture.database.run(
      "UPDATE \"Notes App\".notes SET vec = array_fill(1, ARRAY[3072])::\"Ext ensions\".vector")
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(
      try await Self.definitions(fixture, of: "\"Notes App\".notes") == [
        "CREATE INDEX idx_notes_vec_hnsw ON \"Notes App\".notes USING hnsw "
          + "(((vec)::\"Ext ensions\".halfvec(3072)) \"Ext ensions\".halfvec_cosine_ops) WITH (m='16', ef_construction='64')",
        "CREATE INDEX idx_notes_vec_missing ON \"Notes App\".notes USING btree (uid) "
          + "WHERE \(Self.condition("vec", "body"))",
      ])
    try await Self.expectSettled(fixture, job)
    let path = fixture.database.url + "?options=-csearch_path%3Dpublic,%22Ext%5C%20ensions%22"
    try await Self.expectSettled(fixture, job, url: path)
    _ = try await fixture.migrating(for: job) { try await $0.down(to: 0) }
    #expect(try await Self.definitions(fixture, of: "\"Notes App\".notes") == [])
    #expect(
      try await fixture.database.value(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = '\"Notes App\".notes'::regclass AND attname = 'vec'") == "0"
    )
  }

  @Test func `a partitioned table with a key of two columns gets an index on each partition`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE TABLE parts (id bigint, "Created" date, content text, PRIMARY KEY (id, "Created"))
        PARTITION BY RANGE ("Created");
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
      CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (id);
      CREATE TABLE parts_2_1 PARTITION OF parts_2 FOR VALUES IN (1, 2);
      INSERT INTO parts VALUES (1, '2026-01-05', 'a'), (2, '2026-02-05', 'b');
      """)
    let job = Self.job(Source(table: "parts", keys: ["id", "Created"]), dimensions: 8)
    let applied = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(applied.count == 4)
    #expect(fixture.lines.contain("PostgreSQL builds no index on a partitioned table concurrently: none is made"))
    for part in ["parts_1", "parts_2_1"] {
      #expect(
        try await Self.definitions(fixture, of: part) == [
          "CREATE INDEX idx_\(part)_embedding_missing ON public.\(part) USING btree (id, \"Created\") "
            + "WHERE \(Self.condition("embedding", "content"))"
        ])
    }
    try await Self.expectSettled(fixture, job)
    // A partition that comes later is a need of the next time.
    try await fixture.database.run(
      "CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM ('2026-03-01') TO ('2026-04-01')")
    #expect(
      try await fixture.migrating(for: job) { try await $0.up() }.map(\.name) == ["public_parts_3_embedding_missing"])
    try await Self.expectSettled(fixture, job)
    try await fixture.migrating(for: job) { _ = try await $0.down(to: 0) }
    #expect(try await Self.definitions(fixture, of: "parts_1") == [])
  }

  @Test(arguments: ["vector", "vector(8)", "halfvec", "halfvec(8)", "vectors"], ["public", "extensions"])
  func `a column that fits is left as it is, and indexed all the same`(_ type: String, _ schema: String) async throws {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.database.run(
      """
      CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA \(schema); SET search_path = public, extensions;
      CREATE DOMAIN public.vectors AS vector(8);
      CREATE TABLE m (id int PRIMARY KEY, content text, embedding \(type));
      """)
    let atFirst = try await fixture.catalogue()
    let job = Self.job(Source(table: "m"), dimensions: 8)
    let applied = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(applied.map(\.name) == ["vector_extension", "m_embedding", "m_embedding_missing", "m_embedding_hnsw"])
    #expect(try await Self.definitions(fixture, of: "m").count == 2)
    try await Self.expectSettled(fixture, job)
    try await fixture.migrating(for: job) { _ = try await $0.down(to: 0) }
    #expect(try await fixture.catalogue() == atFirst)
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `what an earlier version made is kept, and made as it is today once it is gone`(
    _ major: PostgresCluster.Major
  ) async throws {
    let fixture = try await Fixture(major, .empty, pgvector: true)
    try await fixture.database.run(
      "CREATE TABLE m (id int PRIMARY KEY, content text); ALTER TABLE m ADD embedding vector(8)")
    let job = Self.job(Source(table: "m"), dimensions: 8, index: .keep)
    // Its record and its index as the earlier version left them.
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    try await fixture.database.run(
      """
      DROP INDEX idx_m_embedding_missing; CREATE INDEX idx_m_embedding_missing ON m (id) WHERE embedding IS NULL;
      UPDATE vecfill_migration SET checksum = 'of the earlier version' WHERE name = 'm_embedding_missing'
      """)
    try await Self.expectSettled(fixture, job)
    try await fixture.database.run("DROP INDEX idx_m_embedding_missing")
    #expect(try await fixture.migrating(for: job) { try await $0.up() }.map(\.name) == ["m_embedding_missing"])
    #expect(
      try await Self.definitions(fixture, of: "m") == [
        "CREATE INDEX idx_m_embedding_missing ON public.m USING btree (id) WHERE \(Self.condition("embedding", "content"))"
      ])
    try await Self.expectSettled(fixture, job)
  }

  @Test func `what was made and is gone is made again`() async throws {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.database.run(Self.table)
    let job = Self.job(Self.notes, dimensions: 8, index: .keep)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    #expect(fixture.lines.contain("My Notes.Vec has no vector index: `index: {when: after}` in the job makes one"))
    try await fixture.database.run("DROP INDEX idx_my_notes_vec_missing")
    try await fixture.migrating(for: job) { (migrator) async throws in
      #expect(try await migrator.verify() == ["0003_my_notes_vec_missing: index idx_my_notes_vec_missing is missing"])
      #expect(try await migrator.up().map(\.name) == ["my_notes_vec_missing"])
    }
    try await Self.expectSettled(fixture, job)
  }

  @Test func `blank rows, rows that the job leaves out and rows in quarantine keep no index waiting`() async throws {
    let fixture = try await Fixture(.sixteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE TABLE m (id int PRIMARY KEY, kind text, content text, embedding vector(3));
      INSERT INTO m SELECT i, 'user', CASE WHEN i <= 20 THEN E' \\n\\t' ELSE 'x' END,
        CASE WHEN i > 40 THEN '[1,2,3]'::vector END FROM generate_series(1, 60) i;
      UPDATE m SET kind = 'system' WHERE id BETWEEN 31 AND 40
      """)
    let source = Source(table: "m", condition: "kind = 'user' -- not the others")
    let job = Self.job(source, dimensions: 3)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    // Ten are in no way excused.
    #expect(fixture.lines.contain("m_embedding_hnsw: waits for the load: 10 of 30 rows of m lack embedding"))
    let late = try await fixture.migrating(for: job) { (migrator) async throws in
      var migrator = migrator
      migrator.quarantined = { $0.column == "embedding" ? 10 : 0 }
      return try await migrator.up()
    }
    #expect(late.map(\.name) == ["m_embedding_hnsw"])
  }

  @Test(arguments: [
    (Source(table: "nowhere"), 8, "nowhere: there is no such table"),
    (
      Source(table: "chat_messages"), 3072,
      "is there as public.vector(1536), and the job's vectors have 3072 dimensions"
    ),
    (Source(table: "chat_messages", keys: ["id", "uid"]), 1536, "chat_messages.uid: there is no such column"),
    (Source(table: "chat_messages", text: "body"), 1536, "chat_messages: it has no column body"),
    (Source(table: "chat_messages", vector: "role"), 1536, "is there as character varying(20), which holds no vectors"),
  ])
  func `what no migration can mend is refused before anything is done`(
    _ source: Source, _ dimensions: Int, _ message: String
  ) async throws {
    let fixture = try await Fixture(.eighteen, .original)
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating(for: Self.job(source, dimensions: dimensions)) { _ = try await $0.up() }
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains(message) == true, "\(failure.map(\.description) ?? "")")
    #expect(try await fixture.database.value("SELECT to_regclass('vecfill_migration')") == nil)
  }

  @Test func `tables whose names differ in nothing but signs get indexes of different names`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE TABLE "сообщения" (id int PRIMARY KEY, content text); CREATE TABLE "заметки" (id int PRIMARY KEY, content text);
      CREATE TABLE "a-b" (id int PRIMARY KEY, content text); CREATE TABLE "a_b" (id int PRIMARY KEY, content text);
      """)
    let sources = ["сообщения", "заметки", "a-b", "a_b"].map { Source(table: $0) }
    let job = Job(name: "signs", sources: sources, model: Model(name: "m", dimensions: 8))
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    for source in sources { #expect(try await Self.definitions(fixture, of: "\"\(source.table)\"").count == 1) }
    try await Self.expectSettled(fixture, job)
  }
}
