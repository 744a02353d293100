import Foundation
import TestSupport
import Testing

/// Each way in which a database or a ledger refuses has its own exit code, in the real process.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct ExitCodeTests {
  static let majors = PostgresCluster.Major.allCases

  static func database(_ major: PostgresCluster.Major, _ script: String = "") async throws -> PostgresDatabase {
    let database = try await PostgresCluster.shared(major).freshDatabase()
    try await database.run(
      """
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 60) AS n; \(script)
      """)
    return database
  }

  @Test(
    arguments: [
      ("postgresql://nobody_guarded@H/D", 77, "password"), ("postgresql://postgres@H/D?sslmode=require", 78, "SSL"),
      ("postgresql://postgres@H/D?sslmode=verify-full", 78, "SSL"),
      ("postgresql://postgres@H/D?sslmode=no-verify", 78, "no-verify"),
      ("postgresql://postgres@H/D?ssl=no-verify", 78, "no-verify"),
      ("postgresql://postgres@H/none", 78, "does not exist"),
    ] as [(String, Int32, String)], ["run", "estimate"])
  func `what the server refuses at the door is told at once, by its own code`(
    door: (String, Int32, String), command: String
  ) async throws {
    let (address, code, told) = door
    let database = try await Self.database(.eighteen)
    let url = address.replacing("H/D", with: "127.0.0.1:\(database.port)/\(database.name)")
      .replacing("H/none", with: "127.0.0.1:\(database.port)/none")
      .replacing("nobody_guarded", with: PostgresCluster.guardedRole)
    try await OddDatabaseTests.scene(url) { scene, place in
      let exit = try await scene.start([command, "job.yaml"], place).exit()
      #expect(exit.code == code, "\(exit.errors)")
      #expect(exit.errors.contains(told), "\(exit.errors)")
      #expect(exit.errors.split(separator: "\n").count == 1, "\(exit.errors)")
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  /// Tables whose updates are published and that have no replica identity, the statement that mends each, and a name in it.
  static let published: [(String, String, String)] = [
    (
      "ALTER TABLE m REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE m", "m",
      "ALTER TABLE m REPLICA IDENTITY FULL"
    ),
    (
      "ALTER TABLE m DROP CONSTRAINT m_pkey; CREATE UNIQUE INDEX one ON m (id); ALTER TABLE m ALTER id SET NOT NULL; "
        + "CREATE PUBLICATION p FOR ALL TABLES", "m\n    key: id",
      "ALTER TABLE m REPLICA IDENTITY USING INDEX one"
    ),
    (
      """
      DROP TABLE m; CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8)) PARTITION BY RANGE (id);
      CREATE TABLE low PARTITION OF m FOR VALUES FROM (0) TO (30);
      CREATE TABLE high PARTITION OF m FOR VALUES FROM (30) TO (100);
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 60) AS n;
      ALTER TABLE high REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE m WITH (publish_via_partition_root)
      """, "m", "ALTER TABLE public.high REPLICA IDENTITY FULL"
    ),
    (
      "CREATE PUBLICATION p FOR TABLE m WHERE (content <> 'x')", "m",
      "ALTER TABLE m REPLICA IDENTITY FULL"
    ),
  ]

  @Test(arguments: majors, published)
  func `a table that is published without a replica identity is refused before anything is paid`(
    major: PostgresCluster.Major, odd: (String, String, String)
  ) async throws {
    let (script, table, mend) = odd
    let database = try await Self.database(major, script)
    try await OddDatabaseTests.scene(database.url, table) { scene, place in
      let exit = try await scene.fill([], place)
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("replica identity"), "\(exit.errors)")
      if mend.hasSuffix("FULL"), !script.contains("WHERE") {
        #expect(exit.errors.contains(mend.replacing("TABLE m", with: "TABLE public.m")), "\(exit.errors)")
      }
      #expect(scene.server.record.requests.isEmpty)
      #expect(try await scene.start(["estimate", "job.yaml"], place).exit().code == 0)
      try await database.run(mend)
      let last = try await scene.fill([], place)
      #expect(last.code == 0, "\(last.errors)")
      #expect(try await database.value("SELECT count(*) FROM m WHERE embedding IS NULL") == "0")
    }
  }

  @Test(arguments: majors)
  func `publications that allow the updates are no reason to refuse`(major: PostgresCluster.Major) async throws {
    let script = """
      CREATE TABLE other (n int); CREATE PUBLICATION p FOR TABLE other;
      CREATE PUBLICATION q FOR TABLE m WITH (publish = 'insert, update')
      """
    let database = try await Self.database(major, script)
    try await OddDatabaseTests.scene(database.url) { scene, place in
      let exit = try await scene.fill([], place)
      #expect(exit.code == 0, "\(exit.errors)")
    }
  }

  /// Every session that comes after it can only read; those that are there are ended.
  private static func turn(readOnly: Bool, _ database: PostgresDatabase) async throws {
    let admin = PostgresDatabase(port: database.port, name: "postgres")
    try await admin.run(
      "ALTER DATABASE \(database.name) SET default_transaction_read_only = \(readOnly ? "on" : "off")")
    guard readOnly else { return }
    try await admin.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database.name)' AND pid <> pg_backend_pid()"
    )
  }

  @Test(arguments: majors, [true, false])
  func `a server that can only be read midway is waited for, and ends the run after the outage that is allowed`(
    major: PostgresCluster.Major, comesBack: Bool
  ) async throws {
    let database = try await Self.database(major)
    let gate = EmbeddingsServer.Gate()
    try await OddDatabaseTests.scene(database.url, rules: [.requests(2..<1000, .hold(gate, then: .answer))]) {
      scene, place in
      let process = try scene.start(["run", "job.yaml", "--max-outage", comesBack ? "60" : "2"], place)
      try await scene.server.wait { $0.requests.count >= 4 }
      try await Self.turn(readOnly: true, database)
      gate.open()
      let admin = PostgresDatabase(port: database.port, name: "postgres")
      if comesBack {
        // A session that came after it is there, and has met it.
        try await scene.poll("a session that can only read") {
          let count = try await admin.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database.name)' AND application_name LIKE 'vecfill%'"
          )
          return count != "0" || !process.isRunning
        }
        #expect(process.isRunning)
        try await Self.turn(readOnly: false, database)
      }
      let exit = await process.exit()
      #expect(exit.code == (comesBack ? 0 : 69), "\(exit.errors)")
      if !comesBack { #expect(exit.errors.contains("25006"), "\(exit.errors)") }
      try await Self.turn(readOnly: false, database)
      #expect(try await scene.fill([], place).code == 0)
      #expect(try await database.value("SELECT count(*) FROM m WHERE embedding IS NULL") == "0")
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test func `a damaged ledger is 74 for each command that reads it`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((1...20).map { "message \($0)" })
      #expect(try await scene.fill().code == 0)
      let whole = try Data(contentsOf: URL(fileURLWithPath: scene.ledgerPath))
      for damage in [
        Data("no database at all, but long enough to be taken for one".utf8), whole.prefix(whole.count / 2),
        whole.prefix(4096) + Data(repeating: 0xA5, count: whole.count - 4096),
      ] {
        for command in [["run", "job.yaml"], ["status"], ["cost"], ["quarantine", "list"]] {
          try damage.write(to: URL(fileURLWithPath: scene.ledgerPath))
          let exit = try await scene.start(command).exit()
          #expect(exit.code == 74, "\(command): \(exit.errors)")
          #expect(exit.errors.split(separator: "\n").count == 1, "\(exit.errors)")
        }
      }
    }
  }
}
