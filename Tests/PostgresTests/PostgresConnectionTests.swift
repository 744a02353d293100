import Backfill
import Postgres
import TestSupport
import Testing

@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresConnectionTests {
  static func connect(_ major: PostgresCluster.Major = .eighteen) async throws -> (PostgresDatabase, PostgresConnection)
  {
    let database = try await PostgresCluster.shared(major).freshDatabase()
    let url = try DatabaseURL(database.url)
    return (database, try await PostgresConnection.connect(to: url, applicationName: "vecfill tests"))
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `parameters are bound by their types`(_ major: PostgresCluster.Major) async throws {
    let (_, connection) = try await Self.connect(major)
    let rows = try await connection.query(
      "SELECT $1::text, $2, $3::text, $4::text AS nothing, current_setting('server_version_num')::int / 10000",
      ["O'Brien; \"DROP\"", 42, "", nil])
    #expect(rows.count == 1)
    #expect(rows[0][0] == "O'Brien; \"DROP\"")
    #expect(rows[0][1] == "42")
    #expect(rows[0][2] == "")
    #expect(rows[0]["nothing"] == nil)
    #expect(rows[0][4] == "\(major.rawValue)")
  }

  @Test func `an error tells its SQLSTATE and leaves the connection usable`() async throws {
    let (_, connection) = try await Self.connect()
    let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1/0") }
    #expect(error?.sqlState == "22012")
    #expect(error?.endsConnection == false)
    #expect(try await connection.query("SELECT 1")[0][0] == "1")
  }

  @Test func `a transaction whose body throws leaves nothing`() async throws {
    let (database, connection) = try await Self.connect()
    try await connection.execute("CREATE TABLE t (n int)")
    await #expect(throws: PostgresError.self) {
      try await connection.transaction { connection in
        try connection.query("INSERT INTO t VALUES (1)")
        try connection.query("INSERT INTO nowhere VALUES (1)")
      }
    }
    try await connection.transaction { try $0.query("INSERT INTO t VALUES (2)") }
    #expect(try await database.run("SELECT n FROM t") == [["2"]])
  }

  @Test func `cancelling the task ends the statement on the server`() async throws {
    let (database, connection) = try await Self.connect()
    let clock = ContinuousClock()
    let started = clock.now
    let sleeping = Task { try await connection.query("SELECT pg_sleep(60)") }
    let seen = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
    while try await database.value(seen) == "0" { await Task.yield() }
    sleeping.cancel()
    await #expect(throws: CancellationError.self) { try await sleeping.value }
    #expect(started.duration(to: clock.now) < .seconds(30))
    #expect(try await database.value(seen) == "0")
    #expect(try await connection.query("SELECT 1")[0][0] == "1")
  }

  @Test func `a pipeline counts each statement's rows and names the one that fails`() async throws {
    let (database, connection) = try await Self.connect()
    try await connection.execute("CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    let counts = try await connection.run { connection in
      try connection.pipeline { pipeline in
        try pipeline.add("BEGIN")
        try pipeline.prepare("UPDATE t SET n = n + 10 WHERE n = $1::bigint")
        for n in [1, 3, 2] as [Int64] { try pipeline.addPrepared(PostgresParameters([.integer(n)])) }
        try pipeline.add("COMMIT")
      }
    }
    #expect(counts == [0, 0, 1, 0, 1, 0])
    let error = await #expect(throws: PostgresError.self) {
      try await connection.run { connection in
        try connection.pipeline { pipeline in
          try pipeline.add("BEGIN")
          try pipeline.add("INSERT INTO t VALUES (5)")
          try pipeline.add("INSERT INTO t VALUES (5)")
          try pipeline.add("COMMIT")
        }
      }
    }
    #expect(error?.sqlState == "23505")
    #expect(error?.statement == 2)
    #expect(try await database.run("SELECT n FROM t ORDER BY n") == [["11"], ["12"]])
    #expect(try await connection.query("SELECT 1")[0][0] == "1")
  }

  @Test func `a connection that the server ended says so and can be made anew`() async throws {
    let (database, connection) = try await Self.connect()
    let pid = try #require(try await connection.query("SELECT pg_backend_pid()")[0][0])
    try await database.run("SELECT pg_terminate_backend(\(pid), 5000)")
    #expect(await connection.isAlive == false)
    let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
    #expect(error?.endsConnection == true)
    try await connection.reconnect()
    #expect(await connection.isAlive)
    #expect(try await connection.query("SELECT 1")[0][0] == "1")
  }

  @Test func `notices are kept until they are taken`() async throws {
    let (_, connection) = try await Self.connect()
    try await connection.execute("DO $$ BEGIN RAISE NOTICE 'mind the gap'; END $$")
    #expect(await connection.takeNotices().map(\.message) == ["mind the gap"])
    #expect(await connection.takeNotices().isEmpty)
  }

  @Test func `a database that does not exist is told by its SQLSTATE`() async throws {
    let (database, _) = try await Self.connect()
    let url = try DatabaseURL("postgresql://postgres@127.0.0.1:\(database.port)/nowhere")
    let error = await #expect(throws: PostgresError.self) {
      try await PostgresConnection.connect(to: url, applicationName: "vecfill tests")
    }
    #expect(error?.sqlState == "3D000")
    #expect(error?.failure("x").exitCode == .configuration)
  }
}

@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresFailureTests {
  @Test func `a silent host in a list is passed over`() async throws {
    let (database, _) = try await PostgresConnectionTests.connect()
    let silent = try SilentListener()
    let hosts = "127.0.0.1:\(silent.port),127.0.0.1:\(silent.port),127.0.0.1:\(database.port)"
    let url = try DatabaseURL("postgresql://postgres@\(hosts)/\(database.name)?connect_timeout=1")
    let connection = try await PostgresConnection.connect(to: url, applicationName: "vecfill tests")
    #expect(try await connection.query("SELECT current_database()")[0][0] == database.name)
    let gone = try DatabaseURL("postgresql://postgres@127.0.0.1:\(silent.port)/x?connect_timeout=1")
    let error = await #expect(throws: PostgresError.self) {
      try await PostgresConnection.connect(to: gone, applicationName: "vecfill tests")
    }
    #expect(error?.message.hasPrefix("no answer from 127.0.0.1") == true)
    #expect(error?.isTransient == true)
    withExtendedLifetime(silent) {}
  }

  @Test func `a pipeline's segments fail each on its own, also at their commit`() async throws {
    let (database, connection) = try await PostgresConnectionTests.connect()
    try await connection.execute("CREATE TABLE t (n int, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)")
    let states = try await connection.run { connection in
      try connection.segments { pipeline in
        for n in [1, 1, 2, 0, 3] as [Int64] {
          try pipeline.add("INSERT INTO t VALUES (12 / $1::bigint)", [.integer(n)])
          try pipeline.add("SELECT 1")
          try pipeline.sync()
        }
      }.map { segment -> String in
        switch segment {
        case .success(let results): "\(results.count)"
        case .failure(let error): "\(error.sqlState ?? "") at \(error.statement ?? -1)"
        }
      }
    }
    #expect(states == ["2", "23505 at 2", "2", "22012 at 0", "2", "0"])
    #expect(try await database.run("SELECT n FROM t ORDER BY n") == [["4"], ["6"], ["12"]])
    #expect(try await connection.query("SELECT 1")[0][0] == "1")
  }

  @Test(arguments: ["P0001", "42501", "22023", "57014", "45000", "53100", "08006"])
  func `what a function raises is told by its SQLSTATE alone`(_ state: String) async throws {
    let (_, connection) = try await PostgresConnectionTests.connect()
    let error = await #expect(throws: PostgresError.self) {
      try await connection.execute("DO $$ BEGIN RAISE EXCEPTION 'a secret' USING ERRCODE = '\(state)'; END $$")
    }
    #expect(error?.isRaised == true)
    #expect(error?.isTransient == false)
    #expect(
      error?.failure("m").description
        == "m: PostgreSQL refused a value in a function or trigger (SQLSTATE \(state))")
  }

  @Test(arguments: [
    ("SELECT nowhere", "column \"nowhere\" does not exist (SQLSTATE 42703)"),
    ("SELECT 'a secret'::int", "PostgreSQL refused a value (SQLSTATE 22P02)"),
    (
      "DO $$ BEGIN EXECUTE 'SELECT a secret one'; END $$",
      "PostgreSQL refused a value in a function or trigger (SQLSTATE 42601)"
    ),
    (
      "DO $$ BEGIN PERFORM 'a secret'::int; END $$",
      "PostgreSQL refused a value in a function or trigger (SQLSTATE 22P02)"
    ),
  ])
  func `PostgreSQL's own words are quoted where they can hold no value`(_ script: String, _ said: String) async throws {
    let (_, connection) = try await PostgresConnectionTests.connect()
    let error = await #expect(throws: PostgresError.self) { try await connection.execute(script) }
    #expect(error?.failure("m").description == "m: \(said)")
  }
}
