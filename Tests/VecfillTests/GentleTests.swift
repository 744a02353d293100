import Foundation
import TestSupport
import Testing

/// Runs that wait while a bound of their job's `gentle` is passed, through the real process.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct GentleTests {
  @Test func `while a file is there nothing is asked or written, killed or not, and without it the run goes on`()
    async throws
  {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let file = scene.folder.file("hold")
      try Data().write(to: URL(fileURLWithPath: file))
      try scene.write(spec: scene.spec + "\ngentle: {file: \(file)}\n")
      let killed = try scene.start(["run", "job.yaml"])
      try await scene.poll("the wait") { killed.errors.contains("gentle: waiting: \(file) is there") }
      killed.send(SIGKILL)
      #expect(await killed.exit().signal == SIGKILL)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.poll("the wait") { process.errors.contains("gentle: waiting: \(file) is there") }
      try await scene.poll("the status") {
        let told = try await ControlTests.status(scene)["control"] as? [String: Any]
        return told?["state"] as? String == "waiting" && told?["waiting"] as? String == "gentle"
          && told?["waiting_reason"] as? String == "\(file) is there"
      }
      #expect(scene.server.record.requests.isEmpty)
      try FileManager.default.removeItem(atPath: file)
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.components(separatedBy: "gentle: waiting").count == 2, "\(exit.errors)")
      #expect(exit.errors.contains("gentle: going on"))
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a URL that answers no 2xx to a HEAD request is waited for, and SIGTERM ends the wait`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["message"])
      try scene.write(spec: scene.spec + "\ngentle: {head: \"\(scene.server.root)/no/such/place\"}\n")
      let process = try scene.start(["run", "job.yaml"])
      try await scene.poll("the wait") { process.errors.contains("/no/such/place answers 4") }
      process.send(SIGTERM)
      #expect(await process.exit().code == 143)
      #expect(try await scene.database.count("embedding IS NOT NULL") == 0)
    }
  }

  /// The signal comes with the first line, while the run is being set up, and the process takes half a second to end. Before
  /// vecfill listens, the signal itself kills the process. bash then reports 129 for SIGHUP, where vecfill ends with 143.
  @Test(arguments: [("TERM", [143]), ("INT", [130]), ("HUP", [143, 129])] as [(String, [Int32])])
  func `a signal at once ends a run, and no thread crashes meanwhile`(signal: String, codes: [Int32])
    async throws
  {
    let library = try PreloadedLibrary(of: RepositoryFiles.path("scripts/crash.d/linger.c"))
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["message"])
      let file = scene.folder.file("hold")
      try Data().write(to: URL(fileURLWithPath: file))
      try scene.write(spec: scene.spec + "\ngentle: {file: \(file)}\n")
      for _ in 0..<4 {
        let process = try scene.start(
          ["run", "job.yaml"], library.environment.mapValues { $0 },
          by: "set -m; mkfifo said.$$; \"$0\" \"$@\" 2>said.$$ & read -r line <said.$$; kill -\(signal) $!; wait $!")
        #expect(codes.contains(await process.exit().code ?? -1))
      }
    }
  }

  @Test func `a replica that falls behind is waited for`() async throws {
    try await DurabilityTests.run { cluster, scene in
      let standby = try await cluster.startStandby()
      let replica = PostgresDatabase(port: standby.port, name: "postgres")
      for statement in [
        "ALTER SYSTEM SET wal_receiver_status_interval = '1s'", "SELECT pg_reload_conf()",
        "SELECT pg_wal_replay_pause()",
      ] {
        _ = try await replica.run(statement)
      }
      try await scene.database.insert((0..<40).map { "later \($0)" })
      let primary = PostgresDatabase(port: cluster.port, name: "postgres")
      try await scene.poll("the lag") {
        try await primary.value("SELECT max(replay_lag) > '2 s' FROM pg_stat_replication") == "t"
      }
      try scene.write(spec: scene.spec + "\ngentle: {replica_lag: 1}\n")
      let process = try scene.start(["run", "job.yaml"])
      try await scene.poll("the wait") {
        process.errors.contains("gentle: waiting: replica lag ") || !process.isRunning
      }
      #expect(scene.server.record.requests.isEmpty, "\(process.errors)")
      _ = try await replica.run("SELECT pg_wal_replay_resume()")
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("gentle: going on"), "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a gauge that can't be read is said once with what to grant, and stops nothing`() async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let role = "gauged_\(database.name)"
    try await database.run(
      """
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO m SELECT n, 'message ' || n FROM generate_series(1, 60) AS n;
      CREATE ROLE \(role) LOGIN; GRANT ALL ON m TO \(role); GRANT CREATE ON SCHEMA public TO \(role)
      """)
    try await OddDatabaseTests.scene(database.url) { scene, place in
      let gentle = """
        gentle:
          replica_lag: 5
          slot_backlog: {slot: none_such, bytes: 1000}
          active: 50
          probe: {sql: SELECT * FROM pg_authid, ms: 100}
        """
      let spec = try String(contentsOfFile: scene.folder.file("job.yaml"), encoding: .utf8)
      try scene.write(spec: "\(spec)\n\(gentle)\n")
      var changed = place
      changed["DATABASE_URL"] = "postgresql://\(role)@127.0.0.1:\(database.port)/\(database.name)"
      let exit = try await scene.fill([], changed)
      #expect(exit.code == 0, "\(exit.errors)")
      for told in [
        "gentle.replica_lag: no replica is connected", "gentle.slot_backlog: there is no slot none_such",
        "gentle.active: the role may not see other roles' sessions: GRANT pg_read_all_stats TO \"\(role)\"",
        "gentle.probe: permission denied",
      ] {
        #expect(exit.errors.components(separatedBy: told).count == 2, "\(told): \(exit.errors)")
      }
    }
    try await database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
  }

  @Test(arguments: [
    "replica_lag: 5", "active: 50", "probe: {sql: SELECT 1, ms: 10}", "slot_backlog: {slot: a, bytes: 9}",
  ])
  func `a bound of PostgreSQL is refused for SQLite`(_ bound: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try scene.write(spec: scene.spec + "\ngentle: {\(bound)}\n")
      let exit = try await scene.fill()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("the database is SQLite"), "\(exit.errors)")
    }
  }
}
