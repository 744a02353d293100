import Foundation
import TestSupport
import Testing

/// Databases as people have them: pgvector elsewhere, limits of a role, keys of two columns, policies that come midway.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct OddDatabaseTests {
  /// A scene whose job fills the table `m` of another database.
  static func scene(
    _ url: String, _ table: String = "m", _ more: String = "", rules: [EmbeddingsServer.Rule] = [],
    _ body: (Scene, [String: String?]) async throws -> Void
  ) async throws {
    try await Scene.run(.sqlite, rules: rules) { scene in
      try scene.write(spec: spec(scene, table, more))
      try await body(scene, ["DATABASE_URL": url])
    }
  }

  private static func spec(_ scene: Scene, _ table: String, _ more: String = "") -> String {
    scene.spec.replacingOccurrences(
      of: "  - table: chat_messages\n  - table: standalone_chat_messages\n", with: "  - table: \(table)\n") + more
  }

  @Test(arguments: [
    (PostgresCluster.Major.sixteen, "after"), (.eighteen, "keep"), (.eighteen, "after"), (.eighteen, "rebuild"),
  ])
  func `pgvector in a schema that is not on the search path is used by its name`(
    major: PostgresCluster.Major, when: String
  ) async throws {
    let database = try await PostgresCluster.shared(major).freshDatabase(pgvector: false)
    try await database.run(
      """
      CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions;
      CREATE TABLE m (id bigint PRIMARY KEY, content text);
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 60) AS n
      """)
    try await Self.scene(database.url, "m", "\nindex: {when: \(when)}") { scene, place in
      let before = try await scene.fill([], place)
      #expect(before.code == 78)
      #expect(before.errors.contains("`vecfill migrate up JOB`"), "\(before.errors)")
      for command in ["plan", "up", "verify"] {
        let exit = try await scene.start(["migrate", command, "job.yaml"], place).exit()
        #expect(exit.code == 0, "\(command): \(exit.errors)")
      }
      if when == "rebuild" {
        try await database.run("CREATE INDEX near ON m USING hnsw (embedding extensions.vector_cosine_ops)")
      }
      for _ in 0..<2 {
        let exit = try await scene.fill([], place)
        #expect(exit.code == 0, "\(exit.errors)")
      }
      #expect(try await database.value("SELECT count(*) FROM m WHERE embedding IS NULL") == "0")
      let indexes = try await database.value("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'")
      #expect(indexes == (when == "keep" ? "0" : "1"))
      let search = try await scene.start(["search", "message 7", "job.yaml", "--limit", "1"], place).exit()
      #expect(search.output == "distance  table key  text\n0.0000    m 7        message 7\n", "\(search.errors)")
    }
  }

  @Test(arguments: [(PostgresCluster.Major.sixteen, "ROLE"), (.eighteen, "DATABASE")])
  func `a role's short statement_timeout ends neither the count nor the pages`(
    major: PostgresCluster.Major, holder: String
  ) async throws {
    let database = try await PostgresCluster.shared(major).freshDatabase()
    let role = "short_\(UUID().uuidString.prefix(8).lowercased())"
    try await database.run(
      """
      CREATE ROLE \(role) LOGIN;
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 600) AS n;
      GRANT ALL ON m TO \(role);
      ALTER \(holder == "ROLE" ? "ROLE \(role)" : "DATABASE \(database.name)") SET statement_timeout = '250ms'
      """)
    let url = database.url.replacingOccurrences(of: "postgres@", with: "\(role)@")
    let isSlow = "pg_sleep(0.001) IS NOT NULL"
    // At least 1 ms a row: longer than the limit, which is in force for whoever sets no other.
    let limited = PostgresDatabase(port: database.port, name: database.name)
    await #expect(throws: (any Error).self) {
      try await limited.run("SET statement_timeout = '250ms'; SELECT count(*) FROM m WHERE \(isSlow)")
    }
    try await Self.scene(url, "m\n    where: \"\(isSlow)\"") { scene, place in
      let exit = try await scene.fill([], place)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await database.value("SELECT count(*) FROM m WHERE embedding IS NULL") == "0")
      #expect(scene.server.record.billedAgain == 0)
      let estimate = try await scene.start(["estimate", "job.yaml"], place).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
    }
  }

  @Test(arguments: ["F32_BLOB(8)", "f32_blob(8)", "FLOAT32(8)", "F32_BLOB (8)"])
  func `libSQL's vector columns are filled as float32`(type: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.run(
        """
        CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT, embedding \(type));
        INSERT INTO m (content) VALUES ('one'), ('two'), ('three')
        """)
      try scene.write(
        spec: scene.spec.replacingOccurrences(
          of: "  - table: chat_messages\n  - table: standalone_chat_messages\n", with: "  - table: m\n"))
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      let rows = try await scene.database.rows("SELECT content, hex(embedding) FROM m ORDER BY id")
      for row in rows {
        let vector = EmbeddingsServer.vector(for: row[0] ?? "", dimensions: 8)
        let bytes = vector.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } }
        #expect(row[1] == bytes.map { String(format: "%02X", $0) }.joined())
      }
      #expect(rows.count == 3)
    }
  }

  /// A partitioned table whose primary key has two columns.
  static let partitioned = """
    CREATE TABLE m (id bigint, created_at timestamptz, content text, embedding vector(8), PRIMARY KEY (id, created_at))
      PARTITION BY RANGE (created_at);
    CREATE TABLE m_old PARTITION OF m FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
    CREATE TABLE m_new PARTITION OF m FOR VALUES FROM ('2025-01-01') TO ('2030-01-01');
    INSERT INTO m SELECT n % 20, timestamptz '2024-12-01' + n * interval '1 day', 'message ' || n
      FROM generate_series(1, 60) AS n
    """

  static let composite = """
    CREATE TABLE m (id INTEGER, created_at TEXT, content TEXT, embedding VECTOR(8), PRIMARY KEY (id, created_at));
    WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 60)
    INSERT INTO m SELECT n % 20, date('2024-12-01', n || ' days'), 'message ' || n, NULL FROM s
    """

  @Test(arguments: [(ChatDatabase.Engine.postgres16, false), (.postgres18, true), (.sqlite, false), (.sqlite, true)])
  func `a key of two columns goes through estimate, kill, resume and quarantine`(
    engine: ChatDatabase.Engine, isNamed: Bool
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    let rules: [EmbeddingsServer.Rule] = [
      .poison { $0 == "message 33" }, .requests(2..<4, .hold(gate, then: .answer)),
    ]
    try await Scene.run(engine, rules: rules) { scene in
      try await scene.database.run(engine == .sqlite ? Self.composite : Self.partitioned)
      try scene.write(
        spec: scene.spec.replacingOccurrences(
          of: "  - table: chat_messages\n  - table: standalone_chat_messages\n",
          with: "  - table: m\n" + (isNamed ? "    key: [id, created_at]\n" : "")
        ).replacingOccurrences(of: "concurrency: 4", with: "concurrency: 2"))
      let estimate = try await scene.start(["estimate", "job.yaml"]).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
      #expect(estimate.output.contains("60"), "\(estimate.output)")

      let process = try scene.start(["run", "job.yaml"])
      try await scene.poll("a row") { try await scene.database.count("embedding IS NOT NULL", in: "m") > 0 }
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      gate.open()
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL", in: "m") == 1)
      let list = try await scene.start(["quarantine", "list"]).exit().output
      #expect(list.contains("m (13, 2025-01-03"), "\(list)")
      let key = try #require(list.firstMatch(of: /\(13, [^)]*\)/)).0
      let retry = try await scene.start(["quarantine", "retry", String(key), "--source", "m"]).exit()
      #expect(retry.output == "1 row is taken by the next run\n", "\(retry.output)")
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill().code == 83)
      #expect(scene.server.record.requests.count > requests)
      try await scene.database.run("UPDATE m SET content = 'mended' WHERE content = 'message 33'")
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.database.count("embedding IS NULL", in: "m") == 0)
    }
  }

  @Test(arguments: [
    (PostgresCluster.Major.sixteen, ""), (.eighteen, ""), (.eighteen, "CREATE POLICY own ON m USING (id < 20);"),
    (.eighteen, "CREATE POLICY all_of ON m USING (true);"),
  ])
  func `row-level security that is switched on midway is an error, not an end`(
    major: PostgresCluster.Major, policy: String
  ) async throws {
    let database = try await PostgresCluster.shared(major).freshDatabase()
    let role = "app_\(UUID().uuidString.prefix(8).lowercased())"
    try await database.run(
      """
      CREATE ROLE \(role) LOGIN;
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 400) AS n;
      GRANT ALL ON m TO \(role)
      """)
    let url = database.url.replacingOccurrences(of: "postgres@", with: "\(role)@")
    let gate = EmbeddingsServer.Gate()
    try await Self.scene(url, rules: [.requests(4..<1_000, .hold(gate, then: .answer))]) { scene, place in
      let process = try scene.start(["run", "job.yaml"], place)
      try await scene.poll("four written batches") {
        try await database.value("SELECT count(*) FROM m WHERE embedding IS NOT NULL") == "40"
      }
      try await database.run(policy + "ALTER TABLE m ENABLE ROW LEVEL SECURITY")
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 77, "\(exit.errors)")
      #expect(exit.errors.contains("row-level security"), "\(exit.errors)")
      #expect(!exit.output.contains("quarantined"), "\(exit.output)")
      let again = try await scene.fill([], place)
      #expect(again.code == 77, "\(again.errors)")
      try await database.run("ALTER TABLE m DISABLE ROW LEVEL SECURITY")
      let mended = try await scene.fill([], place)
      #expect(mended.code == 0, "\(mended.errors)")
      #expect(try await database.value("SELECT count(*) FROM m WHERE embedding IS NULL") == "0")
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test(arguments: ["PARTITION OF m FOR VALUES FROM (0) TO (100)", "(PRIMARY KEY (id)) INHERITS (m)"])
  func `a table and its partition, or its heir, hold one model's vectors`(_ part: String) async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    try await database.run(
      """
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8))
        \(part.hasPrefix("PARTITION") ? "PARTITION BY RANGE (id)" : "");
      CREATE TABLE part \(part);
      INSERT INTO part SELECT n, 'message ' || n FROM generate_series(1, 20) AS n
      """)
    try await Self.scene(database.url, "part") { scene, place in
      let first = try await scene.fill([], place)
      #expect(first.code == 0, "\(first.errors)")
      try scene.write(spec: Self.spec(scene, "m"))
      let same = try await scene.fill([], place)
      #expect(same.code == 0, "\(same.errors)")
      let paid = scene.server.record.requests.count
      try scene.write(spec: Self.spec(scene, "m", "\nprefix: 'other: '\n"))
      let other = try await scene.fill([], place)
      #expect(other.code == 78)
      try scene.write(spec: Self.spec(scene, "part\n  - table: m"))
      let both = try await scene.fill([], place)
      #expect(both.code == 78)
      #expect(both.errors.contains("its rows are also rows of the job's part"), "\(both.errors)")
      try await database.run("DELETE FROM vecfill_column WHERE table_name = 'm'")
      try scene.write(spec: Self.spec(scene, "m", "\nprefix: 'other: '\n"))
      let mixed = try await scene.fill([], place)
      #expect(mixed.code == 78)
      #expect(mixed.errors.contains("part, with which it shares rows, holds vectors of"), "\(mixed.errors)")
      #expect(scene.server.record.requests.count == paid)
    }
  }

  @Test func `a database of another encoding holds the records of any job, or the line says what it can't`()
    async throws
  {
    let cluster = try await PostgresCluster.shared(.eighteen)
    let name = "latin_\(UUID().uuidString.prefix(8).lowercased())"
    try await PostgresDatabase(port: cluster.port, name: "postgres").run(
      "CREATE DATABASE \(name) TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'")
    let database = PostgresDatabase(port: cluster.port, name: name)
    try await database.run(
      """
      CREATE TABLE m (id bigint PRIMARY KEY, content text);
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 20) AS n
      """)
    try await Self.scene(database.url, "m", "\nprefix: '\u{65e5}\u{672c}: '\n") { scene, place in
      let up = try await scene.start(["migrate", "up", "job.yaml"], place).exit()
      #expect(up.code == 0, "\(up.errors)")
      for _ in 0..<2 {
        let exit = try await scene.fill([], place)
        #expect(exit.code == 0 && !exit.errors.contains("can't be written"), "\(exit.errors)")
      }
      #expect(try await database.value("SELECT count(*) FROM vecfill_column") == "1")
      try scene.write(spec: Self.spec(scene, "m", "\nname: '\u{65e5}\u{672c}'\n"))
      let named = try await scene.start(["migrate", "up", "job.yaml"], place).exit()
      #expect(named.code == 78)
      #expect(named.errors.contains("has a character that the database's encoding doesn't have"), "\(named.errors)")
      try scene.write(spec: Self.spec(scene, "m\n    text: '\u{65e5} {content}'"))
      let text = try await scene.fill([], place)
      #expect(text.code == 78)
      #expect(text.errors.contains("has a character that the database's encoding doesn't have"), "\(text.errors)")
    }
  }

  @Test(arguments: [true, false])
  func `two tables whose names make the same words are changed to another model`(_ isMigrated: Bool) async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    try await database.run(
      """
      CREATE TABLE product (id bigint PRIMARY KEY, content text, description_embedding vector(8));
      CREATE TABLE product_description (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO product SELECT n, 'message ' || n FROM generate_series(1, 20) AS n;
      INSERT INTO product_description SELECT n, 'text ' || n FROM generate_series(1, 20) AS n
      """)
    var options = EmbeddingsServer.Options()
    options.otherModels = [ReembedScene.new]
    try await Scene.run(.sqlite, options) { scene in
      let place = ["DATABASE_URL": database.url]
      let tables = "product\n    vector: description_embedding\n  - table: product_description"
      try scene.write(spec: Self.spec(scene, tables, "\nindex: {when: after}\nedits: clear\n"))
      if isMigrated {
        let up = try await scene.start(["migrate", "up", "job.yaml"], place).exit()
        #expect(up.code == 0, "\(up.errors)")
      }
      let fill = try await scene.fill([], place)
      #expect(fill.code == 0, "\(fill.errors)")
      for arguments in [
        ["--to", ReembedScene.new, "--dimensions", "8", "--yes", "--min-recall", "0", "--min-overlap", "0"], ["--undo"],
      ] {
        let exit = try await scene.start(["reembed", "job.yaml"] + arguments, place).exit()
        #expect(exit.code == 0, "\(exit.errors)")
        try await database.run(
          "UPDATE product SET content = content || '.'; UPDATE product_description SET content = content || '.'")
      }
      let indexes = try await database.value(
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE indisvalid AND relname ~ '_hnsw'"
      )
      #expect(indexes == "4")
    }
  }

  @Test(arguments: [
    ("sqlite:////tmp", "/tmp: is a folder, not a file"),
    ("sqlite:///~/a.db", "check the path in DATABASE_URL; a URL's ~ is no home folder: sqlite:////"),
    ("sqlite:///C:/x.db", "C:/x.db: there is no such file; check the path in DATABASE_URL\n"),
    ("sqlite:///a.db", "an absolute one has four slashes: sqlite:////a.db\n"),
  ])
  func `a SQLite path that leads to no file is told with what to write`(url: String, told: String) async throws {
    try await Scene.run(.sqlite) { scene in
      let exit = try await scene.fill([], ["DATABASE_URL": url])
      #expect(exit.code == 78 && exit.errors.contains(told), "\(exit.errors)")
    }
  }
}
