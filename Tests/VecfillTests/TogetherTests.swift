import Foundation
import Ledger
import TestSupport
import Testing

/// Processes that are started at the same instant on the same columns, and a holder that sleeps while its lock is lost.
@Suite struct TogetherTests {
  /// `VECFILL_TOGETHER=200` starts so many groups on each engine.
  static let groups = ProcessInfo.processInfo.environment["VECFILL_TOGETHER"].flatMap(Int.init) ?? 4
  static let seed =
    ProcessInfo.processInfo.environment["VECFILL_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0..<1 << 32)

  /// How one of a group is told from the others.
  static func changes(_ index: Int, _ scene: Scene, of engine: ChatDatabase.Engine) -> [String: String?] {
    // SQLite's columns are locked for a user of a machine, by files; PostgreSQL's by the server.
    guard engine != .sqlite, index % 2 == 1 else { return [:] }
    return ["XDG_STATE_HOME": scene.folder.file("state\(index)"), "VECFILL_LEDGER": scene.folder.file("l\(index).db")]
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `of a group that starts at once exactly one works, whatever the table is called`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      let main = engine == .sqlite ? "main" : "public"
      let spelled = scene.spec.replacing("table: chat_messages", with: "table: \(main).chat_messages")
      try Data(spelled.utf8).write(to: URL(fileURLWithPath: scene.folder.file("spelled.yaml")))
      var random = SeededGenerator(seed: Self.seed)
      var (started, refused) = (0, 0)
      for round in 0..<Self.groups {
        try await scene.database.insert((0..<20).map { "message \(round) \($0)" })
        // One that works holds its first requests until all the others have ended.
        let gate = EmbeddingsServer.Gate()
        scene.server.add(.always(.hold(gate, then: .answer)))
        let count = Int.random(in: 2...8, using: &random)
        let before = scene.server.record.requests.count
        let processes = try (0..<count).map { index in
          let spec = index % 3 == 2 ? "spelled.yaml" : "job.yaml"
          return try scene.start(["run", spec], Self.changes(index, scene, of: engine))
        }
        try await scene.poll("all but one to end") { processes.filter(\.isRunning).count <= 1 }
        try await scene.server.wait { $0.requests.count >= before + 2 }
        let working = processes.filter(\.isRunning)
        #expect(working.count == 1, "seed \(Self.seed), group \(round)")
        #expect(scene.server.record.requests.count == before + 2, "seed \(Self.seed), group \(round)")
        gate.open()
        for process in processes {
          let exit = await process.exit()
          let isWinner = process.pid == working.first?.pid
          #expect(exit.code == (isWinner ? 0 : 80), "seed \(Self.seed), group \(round): \(exit.errors)")
          refused += exit.code == 80 ? 1 : 0
        }
        started += count
        #expect(try await scene.wrongRows() == [], "seed \(Self.seed), group \(round)")
      }
      #expect(scene.server.record.billedAgain == 0)
      #expect(refused == started - Self.groups)
      print(
        "figure: \(engine), seed \(Self.seed): \(Self.groups) groups of 2 to 8 processes started at once, \(started) in all: "
          + "\(Self.groups) worked, \(refused) were refused; 0 rows wrong, 0 texts paid twice")
    }
  }

  @Test(
    .enabled(
      if: Helper.postgres.isUsable && getuid() == 0 && Command.isInstalled("unshare"), "root and unshare are needed"),
    // 64 bytes are the longest name that Linux has; the database keeps 63 of what it is told.
    arguments: [1, 64])
  func `two containers with equal host names and pids are two`(length: Int) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.postgres18, rules: [.always(.hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<20).map { "message \($0)" })
      @Sendable func container(_ name: String) async throws -> (code: Int32, errors: String) {
        let environment = scene.environment.merging(
          ["XDG_STATE_HOME": scene.folder.file(name), "VECFILL_LEDGER": scene.folder.file("\(name).db")]) { $1 }
        let ended = try await Command.run(
          ["unshare", "--pid", "--uts", "--fork", "--kill-child", "sh", "-c"]
            + ["hostname \(String(repeating: "h", count: length)); exec env -i \"$@\"", "sh"]
            + environment.map { "\($0.key)=\($0.value)" }
            + [VecfillProcess.executable.path, "run", scene.folder.file("job.yaml")])
        return (ended.code, ended.errors)
      }
      async let first = container("one")
      try await scene.server.wait { $0.requests.count == 2 }
      let second = try await container("two")
      #expect(second.code == 80, "\(second.errors)")
      #expect(second.errors.contains(length == 1 ? "h pid 1 " : "hhhh"), "both have one name: \(second.errors)")
      #expect(scene.server.record.requests.count == 2)
      gate.open()
      #expect(try await first.code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test(
    arguments: [ChatDatabase.Engine.postgres16, .postgres18].filter(ChatDatabase.Engine.allCases.contains),
    [true, false])
  func `a holder that sleeps while its sessions are ended and another works writes nothing wrong when it wakes`(
    engine: ChatDatabase.Engine, otherIsAtWork: Bool
  ) async throws {
    let (sleeping, other) = (EmbeddingsServer.Gate(), EmbeddingsServer.Gate())
    try await Scene.run(
      engine,
      rules: [.requests(0..<4, .hold(sleeping, then: .answer)), .requests(4..<5, .hold(other, then: .answer))]
    ) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let holder = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.requests.count == 4 }
      holder.send(SIGSTOP)
      try await KillTests.endSessions(of: scene)
      let elsewhere = ["XDG_STATE_HOME": scene.folder.file("other"), "VECFILL_LEDGER": scene.folder.file("other/l.db")]
      let second = try scene.start(["run", "job.yaml"], elsewhere)
      try await scene.server.wait { $0.requests.count >= 7 }
      if !otherIsAtWork {
        other.open()
        let exit = await second.exit()
        #expect(exit.code == 0, "\(exit.errors)")
        // What the application has done since: another text, and one without a vector.
        try await scene.database.run(
          "UPDATE chat_messages SET content = 'edited', embedding = NULL WHERE content = 'message 3'")
      }
      try await scene.poll("the other's rows") {
        try await scene.database.count("embedding IS NOT NULL") >= (otherIsAtWork ? 20 : 59)
      }
      sleeping.open()
      holder.send(SIGCONT)
      let woken = await holder.exit()
      #expect(woken.code == (otherIsAtWork ? 80 : 0), "\(woken.errors)")
      if otherIsAtWork {
        other.open()
        let exit = await second.exit()
        #expect(exit.code == 0, "\(exit.errors)")
      }
      #expect(try await scene.fill([], elsewhere).code == 0)
      #expect(try await scene.wrongRows() == [])
      // What it had in flight or had read as it slept is paid twice, by the two ledgers.
      #expect(scene.server.record.billedAgain <= 60)
    }
  }
}
