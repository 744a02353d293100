import Foundation
import TestSupport
import Testing

/// What a PostgreSQL server does to a run that is under way: it goes on, or ends with the right code and one line, and the
/// next run pays for nothing twice.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct DatabaseFaultTests {
  typealias Stage = (scene: Scene, place: [String: String?], database: PostgresDatabase)

  /// A run that holds all requests but the first two, and `fault` beside it until they are let go; returns how it ended.
  static func run(
    _ stage: Stage, _ arguments: [String] = [], _ fault: (VecfillProcess) async throws -> Void
  ) async throws -> VecfillProcess.Exit {
    let gate = EmbeddingsServer.Gate()
    stage.scene.server.add(.requests(2..<6, .hold(gate, then: .answer)))
    let process = try stage.scene.start(["run", "job.yaml"] + arguments, stage.place)
    try await stage.scene.server.wait { $0.requests.count >= 4 }
    try await fault(process)
    gate.open()
    return await process.exit()
  }

  /// - Parameter asRole: whether vecfill connects as the role that `role` makes.
  static func stage(
    _ script: String = "", asRole: Bool = false, _ body: (Stage) async throws -> Void
  ) async throws {
    let database = try await ExitCodeTests.database(.eighteen)
    try await database.run(script.replacing("DB", with: database.name))
    let url = asRole ? database.url.replacing("postgres@", with: "r_\(database.name)@") : database.url
    try await OddDatabaseTests.scene(url) { scene, place in try await body((scene, place, database)) }
  }

  static func isComplete(_ stage: Stage) async throws -> Bool {
    try await stage.database.value("SELECT count(*) FROM m WHERE embedding IS NULL") == "0"
      && stage.scene.server.record.billedAgain == 0
  }

  /// What somebody does to the table, how the run ends and what it names, and what takes it back.
  static let changes: [(sql: String, code: Int32, told: String, back: String?)] = [
    ("DROP TABLE m", 78, "m", nil),
    ("ALTER TABLE m RENAME TO n", 78, "m", "ALTER TABLE n RENAME TO m"),
    ("ALTER TABLE m RENAME content TO body", 78, "content", "ALTER TABLE m RENAME body TO content"),
    ("ALTER TABLE m RENAME embedding TO old", 78, "embedding", "ALTER TABLE m RENAME old TO embedding"),
    ("ALTER TABLE m RENAME id TO number", 78, "id", "ALTER TABLE m RENAME number TO id"),
    ("ALTER TABLE m DROP COLUMN embedding", 78, "embedding", nil),
    ("ALTER TABLE m ALTER embedding TYPE vector(4) USING NULL", 78, "m", nil),
    ("REVOKE UPDATE ON m FROM r_DB", 77, "m", "GRANT UPDATE ON m TO r_DB"),
    ("REVOKE SELECT ON m FROM r_DB", 77, "m", "GRANT SELECT ON m TO r_DB"),
    ("ALTER ROLE r_DB NOLOGIN", 77, "r_DB", "ALTER ROLE r_DB LOGIN"),
  ]

  static let role = """
    CREATE ROLE r_DB LOGIN; GRANT ALL ON SCHEMA public TO r_DB; GRANT SELECT, UPDATE ON m TO r_DB
    """

  @Test(arguments: changes)
  func `a table that is changed midway ends the run with its code and a line, and no row is blamed`(
    change: (sql: String, code: Int32, told: String, back: String?)
  ) async throws {
    try await Self.stage(Self.role, asRole: true) { stage in
      let named = { (text: String) in text.replacing("DB", with: stage.database.name) }
      let exit = try await Self.run(stage, ["--max-outage", "3"]) { _ in
        try await stage.database.run(named(change.sql))
        // A role that may not log in keeps the sessions that it has.
        try await Self.terminate(stage.database)
      }
      let last = exit.errors.split(separator: "\n").last ?? ""
      print("figure: \(change.sql): \(exit.code ?? -1): \(last)")
      #expect(exit.code == change.code, "\(exit.errors)")
      #expect(last.contains(named(change.told)) && last.contains(";"), "\(exit.errors)")
      let quarantined = try await stage.scene.start(["quarantine", "list", "--json"], stage.place).exit()
      #expect(quarantined.output == "[]\n", "\(quarantined.output)")
      guard let back = change.back else { return }
      try await stage.database.run(named(back))
      let again = try await stage.scene.fill([], stage.place)
      #expect(again.code == 0, "\(again.errors)")
      #expect(try await Self.isComplete(stage))
    }
  }

  @discardableResult
  static func terminate(_ database: PostgresDatabase) async throws -> Int {
    let ended = try await database.value(
      """
      SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      """)
    return ended.flatMap { Int($0) } ?? 0
  }

  @Test func `sessions that are ended again and again are made anew`() async throws {
    try await Self.stage { stage in
      try await stage.database.run("INSERT INTO m SELECT n, 'more ' || n FROM generate_series(100, 700) AS n")
      var ended = 0
      let process = try stage.scene.start(["run", "job.yaml", "--concurrency", "1"], stage.place)
      try await stage.scene.poll("twelve ended sessions") {
        ended += try await Self.terminate(stage.database)
        return ended >= 12 || !process.isRunning
      }
      let exit = await process.exit()
      #expect(ended >= 12)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await Self.isComplete(stage))
    }
  }

  /// Settings of the role or the database that end what takes long, or is idle, or collides; and what shows that it did.
  @Test(arguments: [
    ("idle_session_timeout", "80ms"), ("idle_in_transaction_session_timeout", "80ms"), ("transaction_timeout", "150ms"),
    ("statement_timeout", "150ms"), ("lock_timeout", "20ms"), ("default_transaction_isolation", "serializable"),
  ])
  func `a role's timeouts and isolation leave no row out`(setting: (name: String, value: String)) async throws {
    let (name, value) = setting
    try await Self.stage("ALTER DATABASE DB SET \(name) = '\(value)'") { stage in
      let exit = try await Self.run(stage) { process in
        // A lock on the rows that outlasts the timeouts; under serializable, each write meets one of another's.
        let application = PostgresDatabase(port: stage.database.port, name: stage.database.name)
        for _ in 0..<5 {
          try await application.run(
            """
            SET \(name) TO DEFAULT; SET statement_timeout = 0; SET transaction_timeout = 0; SET lock_timeout = 0;
            SET idle_session_timeout = 0;
            BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE m SET content = content; SELECT pg_sleep(0.25); COMMIT
            """)
        }
        #expect(process.isRunning)
      }
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await Self.isComplete(stage))
    }
  }

  @Test func `a full connection table is waited for, and ends the run after the outage that is allowed`() async throws {
    try await Self.stage(Self.role, asRole: true) { stage in
      let role = "r_\(stage.database.name)"
      for comesBack in [false, true] {
        let exit = try await Self.run(stage, ["--max-outage", comesBack ? "60" : "2"]) { process in
          try await stage.database.run("ALTER ROLE \(role) CONNECTION LIMIT 0")
          try await Self.terminate(stage.database)
          guard comesBack else { return }
          try await stage.database.run("ALTER ROLE \(role) CONNECTION LIMIT -1")
        }
        #expect(exit.code == (comesBack ? 0 : 69), "\(exit.errors)")
        if !comesBack { #expect(exit.errors.contains("53300"), "\(exit.errors)") }
        try await stage.database.run("ALTER ROLE \(role) CONNECTION LIMIT -1")
        if !comesBack {
          try await stage.database.run("INSERT INTO m SELECT n, 'new ' || n FROM generate_series(100, 160) AS n")
        }
      }
      #expect(try await Self.isComplete(stage))
    }
  }

  /// `VECFILL_CUTS=1000` cuts so many connections.
  @Test func `connections that are cut at a random byte lose no row, and nothing is paid twice`() async throws {
    let count = ProcessInfo.processInfo.environment["VECFILL_CUTS"].flatMap(Int.init) ?? 30
    let seed = ProcessInfo.processInfo.environment["VECFILL_SEED"].flatMap(UInt64.init) ?? .random(in: 0..<1 << 32)
    var random = SeededGenerator(seed: seed)
    var cut = 0
    try await Self.stage { stage in
      while cut < count {
        let proxy = try PostgresProxy(to: stage.database.port)
        defer { proxy.close() }
        let before = stage.scene.server.record.requests.count
        let bytes = (0..<10).map { _ in Int.random(in: 1...4_000, using: &random) }
        proxy.cut(after: bytes)
        let exit = try await stage.scene.fill(
          ["--max-outage", "60"],
          ["DATABASE_URL": stage.database.url.replacing(":\(stage.database.port)", with: ":\(proxy.port)")])
        cut += proxy.cutConnections
        if exit.code == 69 {
          // A server that can't be reached at the start is told at once, before anything is paid.
          #expect(stage.scene.server.record.requests.count == before, "seed \(seed), cuts \(bytes): \(exit.errors)")
          let again = try await stage.scene.fill([], stage.place)
          #expect(again.code == 0, "seed \(seed), cuts \(bytes): \(again.errors)")
        } else {
          #expect(exit.code == 0, "seed \(seed), cuts \(bytes): \(exit.errors)")
        }
        #expect(try await Self.isComplete(stage), "seed \(seed), cuts \(bytes)")
        try await stage.database.run(
          "INSERT INTO m SELECT max(id) + n, 'more ' || max(id) + n FROM m, generate_series(1, 60) AS n GROUP BY n")
        try #require(proxy.cutConnections > 0)
      }
      print("figure: seed \(seed): \(cut) connections cut at a random byte; 0 rows missing or paid twice")
    }
  }
}
