import Foundation
import TestSupport
import Testing

/// `vecfill check` as a process: what it tells of a database and a ledger, its exit code, and what it leaves untouched.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct CheckCommandTests {
  static let majors = PostgresCluster.Major.allCases

  /// A table `m` with rows, changed by a script.
  private static func table(
    _ major: PostgresCluster.Major, _ script: String = ""
  ) async throws -> PostgresDatabase {
    let database = try await PostgresCluster.shared(major).freshDatabase()
    try await database.run(
      """
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 20) AS n; \(script)
      """)
    return database
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a job that would run has no failed check, and nothing was written`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine, indexed: engine != .sqlite) { scene in
      try await scene.database.insert(["a", "b"])
      let (told, exit) = try await scene.check()
      #expect(exit.code == 0, "\(exit.output) \(exit.errors)")
      #expect(told.failed == 0)
      for check in ["server", "table", "key", "text", "vector", "record", "lock", "embedding", "norm", "long texts"] {
        #expect(told.mark(check) == "ok", "\(check): \(told.checks)")
      }
      #expect(told.lines("table").map(\.about) == ["table chat_messages", "table standalone_chat_messages"])
      #expect(!FileManager.default.fileExists(atPath: scene.ledgerPath))
      #expect(!FileManager.default.fileExists(atPath: scene.folder.file("state")))
      #expect(try await scene.database.count("embedding IS NULL") == 2)
      // A run still works after it, and the check after the run.
      #expect(try await scene.fill().code == 0)
      let again = try await scene.check()
      #expect(again.exit.code == 0, "\(again.exit.output)")
      #expect(
        again.told.lines("record").allSatisfy { $0.found.contains("known as this job's") }, "\(again.told.checks)")
    }
  }

  @Test(arguments: majors)
  func `it makes no object and changes no row in PostgreSQL`(major: PostgresCluster.Major) async throws {
    let database = try await Self.table(major)
    let state = """
      SELECT (SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_class WHERE oid >= 16384)
        || (SELECT string_agg(m::text || xmin::text || xmax::text, ',' ORDER BY id) FROM m)
      """
    let before = try await database.value(state)
    try await OddDatabaseTests.scene(database.url) { scene, place in
      let exit = try await scene.check([], place).exit
      #expect(exit.code == 0, "\(exit.output)")
    }
    #expect(try await database.value(state) == before)
  }

  @Test func `offline it asks no provider and needs no key`() async throws {
    try await Scene.run(.sqlite) { scene in
      let (told, exit) = try await scene.check(["--offline"], ["OPENAI_API_KEY": nil, "OPENAI_BASE_URL": nil])
      #expect(exit.code == 0, "\(exit.output)")
      #expect(told.mark("embedding") == "skipped")
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  /// A change to the table, the check that must fail, the exit code, and words of what it says and advises.
  static let faults: [(String, String, Int32, [String])] = [
    ("DROP TABLE m", "table", 78, ["no such table"]),
    ("ALTER TABLE m RENAME TO n; CREATE VIEW m AS SELECT * FROM n", "table", 78, ["it is a view"]),
    ("ALTER TABLE m DROP content", "text", 78, ["no column content"]),
    ("ALTER TABLE m DROP content; ALTER TABLE m ADD content int", "text", 78, ["integer, not text", "write text: "]),
    ("ALTER TABLE m DROP embedding", "vector", 78, ["no column embedding", "migrate up"]),
    ("ALTER TABLE m DROP embedding; ALTER TABLE m ADD embedding vector(6)", "vector", 78, ["6 dimensions"]),
    ("ALTER TABLE m DROP embedding; ALTER TABLE m ADD embedding text", "vector", 78, ["not vectors"]),
    ("ALTER TABLE m DROP CONSTRAINT m_pkey", "key", 78, ["it has no primary key"]),
    (
      "ALTER TABLE m REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE m", "publication", 78,
      ["no replica identity", "REPLICA IDENTITY FULL"]
    ),
    (
      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$",
      "server", 78, ["can be written", "primary"]
    ),
    ("DROP EXTENSION vector CASCADE", "pgvector", 78, ["the server offers", "installs it"]),
    ("ALTER TABLE m RENAME content TO body", "text", 78, ["no column content", "text:"]),
  ]

  @Test(arguments: faults, majors)
  func `what would end a run is a failed check, and the provider is asked all the same`(
    fault: (script: String, check: String, code: Int32, words: [String]), major: PostgresCluster.Major
  ) async throws {
    let database = try await Self.table(major, fault.script)
    try await OddDatabaseTests.scene(database.url) { scene, place in
      let (told, exit) = try await scene.check([], place)
      #expect(exit.code == fault.code, "\(exit.output) \(exit.errors)")
      let line = try #require(told.lines(fault.check).first)
      #expect(line.mark == "failed", "\(told.checks)")
      for word in fault.words { #expect("\(line.found) \(line.next ?? "")".contains(word), "\(line)") }
      #expect(exit.errors.split(separator: "\n").count == 1, "\(exit.errors)")
      #expect(told.mark("embedding") == "ok", "\(told.checks)")
      // What it says is what a run says.
      let run = try await scene.fill([], place)
      #expect(run.code == fault.code, "\(run.errors)")
    }
  }

  @Test(arguments: [("FOR TABLE m", "warning"), ("FOR ALL TABLES", "warning"), ("FOR TABLE m (id, content)", "ok")])
  func `a column that subscribers lack is told before it is made`(_ published: String, _ mark: String) async throws {
    let database = try await Self.table(.eighteen, "ALTER TABLE m DROP embedding; CREATE PUBLICATION p \(published)")
    try await OddDatabaseTests.scene(database.url) { scene, place in
      let told = try await scene.check([], place).told
      #expect(told.mark("publication") == mark, "\(told.checks)")
      #expect(
        told.lines("publication").first?.next?.contains("before `vecfill migrate up JOB`")
          == (mark == "warning" ? true : nil))
    }
  }

  /// What is granted to a role, the check that must fail then, and words of it.
  static let rights: [(String, String, [String])] = [
    (
      "GRANT UPDATE ON m TO R", "rights",
      ["lacks the right to SELECT on id, content, embedding", "GRANT SELECT ON m TO checker_"]
    ),
    ("GRANT SELECT ON m TO R", "rights", ["UPDATE on embedding", "GRANT UPDATE (embedding) ON m TO checker_"]),
    (
      "GRANT ALL ON m TO R; ALTER TABLE m ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON m USING (id < 5)",
      "row security", ["hides rows", "BYPASSRLS"]
    ),
    (
      "GRANT ALL ON m TO R; ALTER TABLE m DROP embedding", "migration",
      ["belongs to postgres", "MIGRATION_DATABASE_URL"]
    ),
  ]

  @Test(arguments: rights, majors)
  func `a right that is missing is told by its column, with the GRANT that gives it`(
    fault: (script: String, check: String, words: [String]), major: PostgresCluster.Major
  ) async throws {
    let database = try await Self.table(major)
    let role = "checker_\(database.name)"
    try await database.run("CREATE ROLE \(role) LOGIN; \(fault.script.replacing("TO R", with: "TO \(role)"))")
    try await OddDatabaseTests.scene(database.url.replacing("postgres@", with: "\(role)@")) { scene, place in
      let (told, exit) = try await scene.check([], place)
      let line = try #require(told.lines(fault.check).first)
      #expect(line.mark == "failed" && line.exitCode == 77, "\(line)")
      for word in fault.words { #expect("\(line.found) \(line.next ?? "")".contains(word), "\(line)") }
      #expect([77, 78].contains(exit.code), "\(exit.errors)")
      // With the owner's address, the same is in order.
      if fault.check == "migration" {
        let owner = place.merging(["VECFILL_MIGRATION_DATABASE_URL": database.url]) { $1 }
        let mended = try await scene.check([], owner).told
        #expect(mended.mark("migration", about: "migrations") == "warning", "\(mended.checks)")
      }
    }
    try await database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
  }

  /// A change to the table, the check that must warn, and words of it. None keeps a run from working.
  static let oddities: [(String, String, [String])] = [
    (
      """
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
      CREATE TRIGGER stamp BEFORE UPDATE ON m FOR EACH ROW EXECUTE FUNCTION f()
      """, "triggers", ["trigger stamp"]
    ),
    ("CREATE RULE keep AS ON UPDATE TO m DO ALSO SELECT 1", "triggers", ["rule keep"]),
    ("SELECT 1", "index", ["a search reads every row", "when: after"]),
    (
      "CREATE INDEX near ON m USING hnsw (embedding vector_l2_ops)", "index",
      ["vector_l2_ops", "cosine"]
    ),
    (
      """
      CREATE INDEX near ON m USING hnsw (embedding vector_cosine_ops);
      UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'near'::regclass
      """, "index", ["near is invalid", "DROP INDEX CONCURRENTLY near"]
    ),
    ("ANALYZE m; UPDATE pg_class SET reltuples = 1e6 WHERE oid = 'm'::regclass", "missing rows", ["CREATE INDEX"]),
    (
      "ANALYZE m; UPDATE pg_class SET reltuples = 1e6 WHERE oid = 'm'::regclass", "migration",
      ["an index on m is missing", "migrate up"]
    ),
    ("UPDATE m SET embedding = '[1,2,3,4,5,6,7,8]' WHERE id = 1", "record", ["nobody recorded", "--adopt"]),
    ("CREATE TABLE vecfill_column (id int)", "record", ["not to be trusted"]),
  ]

  @Test(arguments: oddities, majors)
  func `what a run can live with is a warning, and the exit is 0`(
    oddity: (script: String, check: String, words: [String]), major: PostgresCluster.Major
  ) async throws {
    let database = try await Self.table(major, oddity.script)
    try await OddDatabaseTests.scene(database.url) { scene, place in
      let (told, exit) = try await scene.check(["--offline"], place)
      #expect(exit.code == 0, "\(exit.output) \(exit.errors)")
      let line = try #require(told.lines(oddity.check).first)
      #expect(line.mark == "warning", "\(line)")
      for word in oddity.words { #expect("\(line.found) \(line.next ?? "")".contains(word), "\(line)") }
    }
  }

  @Test(arguments: [("rebuild", "", 77), ("after", "PARTITION BY RANGE (id)", 78)] as [(String, String, Int32)])
  func `a wish for the index that can't be carried out fails`(when: String, partition: String, code: Int32) async throws
  {
    let database = try await Self.table(.eighteen, "DROP TABLE m")
    let role = "keeper_\(database.name)"
    try await database.run(
      """
      CREATE ROLE \(role) LOGIN; GRANT CREATE ON SCHEMA public TO \(role);
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8)) \(partition);
      GRANT ALL ON m TO \(role); ALTER TABLE m OWNER TO \(partition.isEmpty ? "postgres" : role)
      """)
    try await OddDatabaseTests.scene(
      database.url.replacing("postgres@", with: "\(role)@"), "m", "\nindex: {when: \(when)}"
    ) { scene, place in
      let (told, exit) = try await scene.check(["--offline"], place)
      #expect(exit.code == code, "\(exit.output)")
      #expect(told.mark("index.when") == "failed", "\(told.checks)")
    }
    try await database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
  }

  @Test func `the rebuild of a partitioned table's index is no fault`() async throws {
    let database = try await Self.table(.eighteen, "DROP TABLE m")
    try await database.run(
      """
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8)) PARTITION BY RANGE (id);
      CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM (0) TO (9)
      """)
    try await OddDatabaseTests.scene(database.url, "m", "\nindex: {when: rebuild}") { scene, place in
      let (told, _) = try await scene.check(["--offline"], place)
      #expect(told.mark("index.when") == nil, "\(told.checks)")
    }
  }

  @Test(arguments: [("rebuild", "warning"), ("keep", "warning"), ("after", "ok")])
  func `where there is no index, only a run with when: after makes one`(when: String, mark: String) async throws {
    let database = try await Self.table(.eighteen)
    try await OddDatabaseTests.scene(database.url, "m", "\nindex: {when: \(when)}") { scene, place in
      let (told, _) = try await scene.check(["--offline"], place)
      let line = try #require(told.lines("index").first)
      #expect(line.mark == mark, "\(line)")
      #expect((line.next?.contains("when: after") == true) == (mark == "warning"), "\(line)")
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `vectors of another model fail before anything is paid`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine, .ofTwoModels) { scene in
      try await scene.database.insert(["a"])
      #expect(try await scene.fill().code == 0)
      for place in [[:], scene.elsewhere("place")] {
        let (told, exit) = try await scene.check(["--model", "other", "--offline"], place)
        #expect(exit.code == 78, "\(exit.output)")
        let line = try #require(told.lines("record", about: "table chat_messages").first)
        #expect(
          line.mark == "failed" && line.found.contains("holds vectors of [model=text-embedding-3-small]"), "\(line)")
      }
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18, .sqlite])
  func `a run that goes on is named, and is no failure`(engine: ChatDatabase.Engine) async throws {
    try await LockTests.whileFilling(engine) { (scene, process) async throws in
      let (told, exit) = try await scene.check(["--offline"])
      #expect(exit.code == 0, "\(exit.output)")
      let line = try #require(told.lines("lock", about: "table chat_messages").first)
      #expect(line.mark == "warning" && line.found.contains("process \(process.pid) on "), "\(line)")
      guard engine != .sqlite else { return }
      let elsewhere = try await scene.check(["--offline"], scene.elsewhere("other")).told
      #expect(elsewhere.lines("lock").first?.found.contains("pid \(process.pid)") == true, "\(elsewhere.checks)")
    }
  }

  @Test(
    arguments: [
      ("postgresql://postgres@127.0.0.1:P/none", 78), ("postgresql://\(PostgresCluster.guardedRole)@127.0.0.1:P/D", 77),
      ("postgresql://postgres@127.0.0.1:1/D", 69), ("sqlite:///none.db", 78), ("mysql://a", 78), ("", 78),
    ] as [(String, Int32)])
  func `a database that can't be had keeps neither ledger nor provider from being checked`(
    url: String, code: Int32
  ) async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let address = url.replacing(":P/", with: ":\(database.port)/").replacing("/D", with: "/\(database.name)")
    try await OddDatabaseTests.scene(address) { scene, place in
      let (told, exit) = try await scene.check([], address.isEmpty ? ["DATABASE_URL": nil] : place)
      #expect(exit.code == code, "\(exit.output) \(exit.errors)")
      #expect(told.mark("connection") == "failed")
      #expect(told.mark("file") == "ok")
      #expect(told.mark("embedding") == "ok")
    }
  }

  @Test func `a ledger that could not be kept where it is told fails, and the rest is checked`() async throws {
    try await Scene.run(.sqlite) { scene in
      let folder = scene.folder
      try Data("no database".utf8).write(to: URL(fileURLWithPath: folder.file("text")))
      try await scene.database.insert(["a"])
      for (path, code) in [("text", 74), ("chat.db", 78), ("text/below.db", 74)] as [(String, Int32)] {
        let before = FileManager.default.contents(atPath: folder.file("chat.db"))
        let (told, exit) = try await scene.check(["--offline", "--ledger", folder.file(path)])
        #expect(exit.code == code, "\(path): \(exit.output)")
        #expect(told.mark("file") == "failed", "\(path)")
        #expect(told.mark("table") == "ok")
        #expect(FileManager.default.contents(atPath: folder.file("chat.db")) == before)
      }
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible)) func `a disk without space for the replies under way fails`() async throws {
    try await Scene.run(.sqlite) { scene in
      let disk = try SmallDisk(in: scene.folder, megabytes: 4)
      #expect(try disk.fill() > 0)
      let (told, exit) = try await scene.check(["--offline", "--ledger", disk.path + "/vecfill.db"])
      #expect(exit.code == 74, "\(exit.output)")
      #expect(told.lines("space").first?.found.contains("0 B free") == true, "\(told.checks)")
      try disk.empty()
      #expect(try await scene.check(["--offline", "--ledger", disk.path + "/vecfill.db"]).exit.code == 0)
    }
  }

  @Test func `a person reads lines of at most 100 columns, with a heading for each part`() async throws {
    let database = try await Self.table(.eighteen, "ALTER TABLE m DROP embedding")
    try await OddDatabaseTests.scene(database.url) { scene, place in
      let exit = try await scene.start(["check", "job.yaml"], place).exit()
      #expect(exit.code == 78)
      let lines = exit.output.split(separator: "\n")
      #expect(lines.allSatisfy { $0.count <= 100 || $0.contains(scene.folder.path) }, "\(exit.output)")
      for heading in ["database  postgresql://postgres@127.0.0.1:", "table m", "ledger  /", "provider  127.0.0.1:"] {
        #expect(lines.contains { $0.hasPrefix(heading) }, "\(heading): \(exit.output)")
      }
      #expect(exit.output.contains("\n  failed   vector          there is no column embedding\n"), "\(exit.output)")
      #expect(exit.output.hasSuffix("1 failed; nothing was written\n"), "\(exit.output)")
    }
  }
}
