import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// `vecfill run --follow`, through the real process.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct FollowTests {
  struct Way: Sendable, CustomTestStringConvertible {
    let engine: ChatDatabase.Engine
    let edits: Edits
    let notifies: Bool
    var testDescription: String { "\(engine), edits: \(edits)\(notifies ? ", notified" : "")" }
  }

  static let ways =
    ChatDatabase.Engine.allCases.flatMap { engine in
      [Edits.ignore, .clear, .digest].map { Way(engine: engine, edits: $0, notifies: false) }
    } + [ChatDatabase.Engine.postgres16, .postgres18].map { Way(engine: $0, edits: .digest, notifies: true) }

  static func run(_ way: Way, rows: Int = 25, _ body: (Scene) async throws -> Void) async throws {
    try await Scene.run(way.engine) { scene in
      try await scene.database.insert((0..<rows).map { "old \($0)" })
      try scene.write(
        spec: scene.spec + "\nedits: \(way.edits)\nfollow: \(way.notifies ? "notify" : "poll")\n")
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(up.code == 0, "\(up.errors)")
      try await body(scene)
    }
  }

  static func missing(_ scene: Scene) async throws -> Int {
    try await scene.database.count("embedding IS NULL")
  }

  /// A process that has filled all and waits.
  static func follow(_ scene: Scene, _ arguments: String...) async throws -> VecfillProcess {
    let process = try scene.start(["run", "job.yaml", "--follow"] + arguments)
    try await scene.poll("the first round") { process.errors.contains("following ") || !process.isRunning }
    return process
  }

  @Test(arguments: ways)
  func `rows that come and texts that are edited are filled while it follows, and SIGTERM ends it with 0`(
    _ way: Way
  ) async throws {
    try await Self.run(way) { scene in
      let process = try await Self.follow(scene)
      #expect(try await Self.missing(scene) == 0)
      try await scene.database.insert(["new 1", "new 2"])
      try await scene.poll("the new rows' vectors") { try await Self.missing(scene) == 0 }
      if way.edits != .ignore {
        try await scene.database.run("UPDATE chat_messages SET content = 'edited' WHERE content = 'old 3'")
        if way.edits == .digest {
          #expect(try await Self.missing(scene) == 0)
        }
        try await scene.poll("the edited row's vector") { try await scene.wrongRows() == [] }
      }
      // Of the summary each round has told one line.
      try await scene.poll("the rounds' ends") { try await scene.status()?.state == .completed }
      process.send(SIGTERM)
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(exit.output.contains("job: complete"))
      #expect(exit.output.contains("round 2: "), "\(exit.output)")
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `while it waits it has no transaction open, and nothing is told`(_ engine: ChatDatabase.Engine) async throws {
    try await Self.run(Way(engine: engine, edits: .digest, notifies: true)) { scene in
      let process = try await Self.follow(scene)
      var sessions = 0
      for _ in 0..<40 {
        let states = try await scene.database.rows(
          """
          SELECT state, xact_start IS NULL OR now() - xact_start < '1 s' FROM pg_stat_activity
          WHERE application_name LIKE 'vecfill %' AND datname = current_database()
          """)
        sessions = max(sessions, states.count)
        // A session that is only starting has no state yet.
        #expect(states.allSatisfy { $0[0]?.hasPrefix("idle in transaction") != true }, "\(states)")
        try await Task.sleep(for: .milliseconds(25))
      }
      #expect(sessions > 1)
      let errors = process.errors
      process.send(SIGTERM)
      let exit = await process.exit()
      #expect(exit.code == 0)
      #expect(exit.output.split(separator: "\n").filter { $0.contains("round") } == [])
      #expect(exit.errors.dropFirst(errors.count).split(separator: "\n").count == 1)
    }
  }

  @Test func `rows in quarantine make no further round until they are edited`() async throws {
    try await Self.run(Way(engine: .postgres18, edits: .clear, notifies: false)) { scene in
      try await scene.database.insert([String(repeating: "word ", count: 40_000)])
      let process = try await Self.follow(scene)
      try await Task.sleep(for: .seconds(3))
      #expect(try await scene.status()?.totals.runs == 1)
      try await scene.database.run("UPDATE chat_messages SET content = 'short' WHERE length(content) > 1000")
      try await scene.poll("its vector") { try await Self.missing(scene) == 0 }
      try await scene.poll("the round's end") { try await scene.status()?.state == .completed }
      process.send(SIGTERM)
      #expect(await process.exit().code == 0)
    }
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `a stop in the middle of a round says what is left, and the next run goes on`(_ signal: Int32) async throws {
    try await Self.run(Way(engine: .postgres18, edits: .digest, notifies: false)) { scene in
      let gate = EmbeddingsServer.Gate()
      scene.server.add(.texts(with: "held", .hold(gate, then: .answer)))
      let process = try await Self.follow(scene)
      let before = scene.server.record.requests.count
      try await scene.database.insert((0..<50).map { "held \($0)" })
      try await scene.server.wait { $0.requests.count > before }
      process.send(signal)
      try await scene.poll("the stop") { process.errors.contains("stopping within") }
      gate.open()
      let exit = await process.exit()
      #expect([130, 143].contains(exit.code), "\(exit.errors)")
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test func `a database that is away for a while is waited for, and one that stays away ends it`() async throws {
    try await DurabilityTests.run(texts: ["old"]) { cluster, scene in
      let process = try await Self.follow(scene, "--max-outage", "15")
      try await cluster.crash()
      try await cluster.start()
      try await scene.database.insert(["after the restart"])
      try await scene.poll("its vector") { try await Self.missing(scene) == 0 }
      #expect(process.isRunning)
      try await cluster.crash()
      let exit = await process.exit()
      #expect(exit.code == 69, "\(exit.errors)")
    }
  }

  @Test(
    .enabled(if: Helper.pgbouncer.isUsable, "\(Helper.pgbouncer.missing)"),
    arguments: [PgBouncer.Mode.transaction, .session])
  func `through a pooler nothing needs to be told: it looks`(_ mode: PgBouncer.Mode) async throws {
    let folder = try TemporaryFolder()
    let plain = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let database = try await ChatDatabase(in: plain)
    try await EmbeddingsServer.run { server in
      let scene = Scene(folder: folder, database: database, server: server)
      try scene.write(spec: scene.spec + "\nfollow: notify\nedits: digest\n")
      #expect(try await scene.start(["migrate", "up", "job.yaml"]).exit().code == 0)
      let pooler = try await PgBouncer(before: plain, mode: mode)
      let process = try scene.start(["run", "job.yaml", "--follow"], ["DATABASE_URL": pooler.url])
      try await scene.poll("the first round") { process.errors.contains("following ") || !process.isRunning }
      try await scene.database.insert(["new"])
      try await scene.poll("its vector") { try await Self.missing(scene) == 0 }
      try await scene.poll("the round's end") { try await scene.status()?.state == .completed }
      process.send(SIGTERM)
      #expect(await process.exit().code == 0)
    }
  }

  @Test(arguments: ways.filter { $0.edits != .ignore })
  func `killed at random while an application writes, it catches up`(_ way: Way) async throws {
    try await Self.run(way, rows: 40) { scene in
      let isOver = Locked(false)
      let writer = Task {
        var round = 0
        while !isOver.withLock(\.self) {
          round += 1
          do {
            try await scene.database.run(
              """
              UPDATE chat_messages SET content = 'edited \(round) ' || id WHERE id % 7 = \(round % 7);
              INSERT INTO standalone_chat_messages (chat_id, role, content) VALUES (1, 'user', 'new \(round)');
              """)
          } catch  where "\(error)".contains("deadlock detected") {
            // Two that write several rows at once may meet so, and either may be the one that has to try again.
          }
          try await Task.sleep(for: .milliseconds(40))
        }
      }
      var random = SeededGenerator(seed: 5)
      for _ in 0..<5 {
        let process = try scene.start(["run", "job.yaml", "--follow"])
        try await Task.sleep(for: .milliseconds(Int.random(in: 300...1500, using: &random)))
        #expect(process.isRunning, "\(process.errors)")
        process.send(SIGKILL)
        _ = await process.exit()
      }
      let process = try scene.start(["run", "job.yaml", "--follow"])
      try await scene.poll("the first round") { process.errors.contains("following ") || !process.isRunning }
      isOver.withLock { $0 = true }
      try await writer.value
      try await scene.poll("all vectors") { try await scene.wrongRows() == [] }
      try await scene.poll("the round's end") { try await scene.status()?.state == .completed }
      process.send(SIGTERM)
      #expect(await process.exit().code == 0)
    }
  }

  @Test func `only one process follows a column`() async throws {
    try await Self.run(Way(engine: .postgres18, edits: .ignore, notifies: false)) { scene in
      let process = try await Self.follow(scene)
      #expect(try await scene.fill().code == 80)
      process.send(SIGTERM)
      #expect(await process.exit().code == 0)
    }
  }

  @Test func `with JSON each round is one object`() async throws {
    try await Self.run(Way(engine: .postgres18, edits: .ignore, notifies: true)) { scene in
      let process = try await Self.follow(scene, "--log-format", "json")
      try await scene.database.insert(["new"])
      try await scene.poll("its vector") { try await Self.missing(scene) == 0 }
      try await scene.poll("the round's end") { try await scene.status()?.state == .completed }
      process.send(SIGTERM)
      let exit = await process.exit()
      let objects = try exit.output.split(separator: "\n").map {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
      }
      #expect(objects.count == 2)
      #expect(objects.map { $0["rows_written"] as? Int } == [25, 1])
      #expect(objects.map { $0["round"] as? Int } == [nil, 2])
    }
  }
}
