import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// `vecfill ledger check`, `export` and `prune`, as processes, also beside a run and killed.
@Suite struct LedgerCommandTests {
  static func ledger(_ scene: Scene, _ arguments: [String]) async throws -> VecfillProcess.Exit {
    try await scene.start(["ledger"] + arguments).exit()
  }

  static func change(_ path: String, _ sql: String) async throws {
    try await DatabaseQueue.patient(path).write { try $0.execute(sql: sql) }
  }

  /// Adds so many batches to the newest run, settled long ago, a hundredth of a dollar each.
  static func addOldBatches(_ count: Int, to path: String) async throws {
    try await change(
      path,
      """
      WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 999 + \(count))
      INSERT INTO batch (run_id, number, target_id, state, inputs, tokens)
      SELECT (SELECT MAX(id) FROM run), i, 1, 'settled', 100, 25000 FROM n;
      INSERT INTO receipt (run_id, number, request_id, inputs, billed_tokens, is_counted_here, cost, spent, received_at)
      SELECT run_id, number, 'req', 100, 25000, 0, 0.01, 0.01, 1700000000 + number / 10.0
      FROM batch WHERE number >= 1000;
      """)
  }

  static func cost(_ scene: Scene) async throws -> Double {
    let expenses = try await Ledger.openForReading(at: scene.ledgerPath)?.expenses(by: .model) ?? []
    return expenses.reduce(0) { $0 + ($1.cost ?? 0) }
  }

  @Test func `a ledger is checked, exported without texts and vectors, and pruned, and its budget counts the same`()
    async throws
  {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<30).map { "canary text \($0)" })
      #expect(try await scene.fill().code == 0)
      try await Self.addOldBatches(50_000, to: scene.ledgerPath)
      let sound = try await Self.ledger(scene, ["check"])
      #expect(sound.code == 0 && sound.output.contains("nothing is wrong"), "\(sound.output)\(sound.errors)")
      let exported = try await Self.ledger(scene, ["export"])
      #expect(exported.code == 0, "\(exported.errors)")
      var kinds: [String: Int] = [:]
      for line in exported.output.split(separator: "\n") {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        kinds[try #require(object["kind"] as? String), default: 0] += 1
      }
      #expect(kinds == ["column": 2, "run": 1, "batch": 50_003, "receipt": 50_003])
      #expect(!exported.output.contains("canary text"))

      let cost = try await Self.cost(scene)
      let would = try await Self.ledger(scene, ["prune", "--older-than", "30d", "--dry-run"])
      #expect(would.output.hasPrefix("50,000 requests and 0 empty runs from before"), "\(would.output)\(would.errors)")
      let pruned = try await Self.ledger(scene, ["prune", "--older-than", "30d"])
      #expect(pruned.code == 0 && pruned.output.contains("50,000 requests"), "\(pruned.output)\(pruned.errors)")
      #expect(abs(try await Self.cost(scene) - cost) < 1e-6 && cost > 500)
      let after = try await Self.ledger(scene, ["check"])
      #expect(after.code == 0, "\(after.output)")
      // $500 were spent, whatever became of the batches.
      try await scene.database.insert(["one more"])
      #expect(try await scene.fill(["--budget", "500"]).code == 82)
      #expect(try await scene.fill(["--budget", "501"]).code == 0)
    }
  }

  @Test(arguments: ["checksum", "truncated", "flipped", "newer", "missing", "foreign"])
  func `what is wrong with a ledger is one line and an exit code`(damage: String) async throws {
    try await Scene.run(.sqlite) { scene in
      let path = scene.ledgerPath
      if damage != "missing" {
        try await scene.database.insert((0..<10).map { "message \($0)" })
        #expect(try await scene.fill().code == 0)
      }
      let file = URL(fileURLWithPath: path)
      switch damage {
      case "checksum": try await Self.change(path, "UPDATE spool SET checksum = zeroblob(16)")
      case "truncated": try Data(try Data(contentsOf: file).dropLast(100_000)).write(to: file)
      case "flipped":
        var data = try Data(contentsOf: file)
        for place in stride(from: 40_000, to: data.count, by: 50) { data[place] ^= 0xff }
        try data.write(to: file)
      case "newer": try await Self.change(path, "INSERT INTO grdb_migrations VALUES ('999')")
      case "foreign":
        try FileManager.default.removeItem(at: file)
        try await Self.change(path, "CREATE TABLE mine (x)")
      default: break
      }
      let exit = try await Self.ledger(scene, ["check"])
      #expect(exit.code == (["newer", "foreign"].contains(damage) ? 78 : 74), "\(exit.output)\(exit.errors)")
      #expect(exit.errors.split(separator: "\n").count == 1, "\(exit.errors)")
      #expect(exit.errors.contains(path) && exit.errors.contains(";"), "\(exit.errors)")
      guard damage == "newer" else { return }
      for command in [["status"], ["cost"], ["ledger", "export"], ["ledger", "prune", "--older-than", "1d"]] {
        let told = try await scene.start(command).exit()
        #expect(told.code == 78 && told.errors.contains("newer vecfill"), "\(command): \(told.errors)")
        #expect(told.errors.split(separator: "\n").count == 1, "\(told.errors)")
      }
    }
  }

  @Test func `pruning that is killed again and again loses nothing, and a run beside it fills all`() async throws {
    var options = EmbeddingsServer.Options()
    options.latency = .between(0.01...0.05)
    try await Scene.run(.sqlite, options) { scene in
      try await scene.database.insert(["first"])
      #expect(try await scene.fill().code == 0)
      try await Self.addOldBatches(300_000, to: scene.ledgerPath)
      let cost = try await Self.cost(scene)
      try await scene.database.insert((0..<3_000).map { "message \($0)" })
      let run = try scene.start(["run", "job.yaml"])
      var kills = 0
      var random = SeededGenerator(seed: 17)
      for _ in 0..<6 {
        let before = try await Self.batches(scene.ledgerPath)
        let prune = try scene.start(["ledger", "prune", "--older-than", "30d"])
        let steps = Int.random(in: 1...2, using: &random)
        try await scene.poll("some steps") {
          try await Self.batches(scene.ledgerPath) <= before - 20_000 * steps || !prune.isRunning
        }
        prune.send(SIGKILL)
        if await prune.exit().signal == SIGKILL { kills += 1 }
        let lost = cost - (try await Self.cost(scene))
        #expect(lost < 1e-6)
      }
      #expect(kills > 2)
      #expect(await run.exit().code == 0)
      let ended = try await Self.ledger(scene, ["prune", "--older-than", "30d"])
      #expect(ended.code == 0, "\(ended.errors)")
      #expect(try await Self.batches(scene.ledgerPath) == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(try await Self.cost(scene) >= cost - 1e-6)
      #expect(scene.server.record.billedAgain == 0)
      let sound = try await Self.ledger(scene, ["check"])
      #expect(sound.code == 0, "\(sound.output)")
    }
  }

  /// How many old batches are left.
  static func batches(_ path: String) async throws -> Int {
    try await DatabaseQueue.patient(path).read { db in
      try Int.fetchOne(
        db, sql: "SELECT COUNT(*) FROM receipt WHERE number >= 1000 AND received_at < 1750000000") ?? 0
    }
  }

  @Test(arguments: ["status", "cost", "ledger check", "ledger export"])
  func `a ledger of an earlier version is read right, and left as it is`(command: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<30).map { "message \($0)" })
      #expect(try await scene.fill().code == 0)
      let words = command.split(separator: " ").map(String.init)
      let current = try await scene.start(words).exit()
      // As version 9 left it.
      try await Self.change(
        scene.ledgerPath,
        """
        DROP INDEX receipt_batch; ALTER TABLE receipt DROP COLUMN requests; CREATE INDEX receipt_run ON receipt (run_id);
        DROP INDEX run_spool_name; ALTER TABLE run DROP COLUMN spool_name; DROP TABLE ledger_name;
        ALTER TABLE target DROP COLUMN served_model; ALTER TABLE provider_batch DROP COLUMN unread_looks;
        ALTER TABLE provider_batch DROP COLUMN unread_since;
        DELETE FROM grdb_migrations WHERE CAST(identifier AS INTEGER) > 9;
        """)
      let before = FileManager.default.contents(atPath: scene.ledgerPath)
      let earlier = try await scene.start(words).exit()
      #expect(earlier.code == 0, "\(earlier.errors)")
      if command == "ledger check" {
        #expect(earlier.output.contains("of an earlier vecfill"), "\(earlier.output)")
      } else {
        #expect(earlier.output == current.output)
      }
      #expect(FileManager.default.contents(atPath: scene.ledgerPath) == before)
      try await scene.database.insert(["one more"])
      #expect(try await scene.fill().code == 0)
    }
  }
}
