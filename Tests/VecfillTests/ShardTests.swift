import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// Real processes that fill the shards of one plan.
@Suite struct ShardTests {
  /// A ledger and a state folder of a machine of its own.
  static func machine(_ name: String, of scene: Scene) -> [String: String?] {
    ["VECFILL_LEDGER": scene.folder.file("\(name)/vecfill.db"), "XDG_STATE_HOME": scene.folder.file("\(name)/state")]
  }

  static func planned(_ scene: Scene) async throws -> String? {
    try await scene.database.rows("SELECT count(*) FROM vecfill_shard").first?.first ?? nil
  }

  @Test func `shards fill a table side by side, one is killed and resumed elsewhere, and finish ends the plan`()
    async throws
  {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.postgres18, rules: [.texts(with: "slow", .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((1...90).map { $0 == 45 ? "slow one" : "message \($0)" })
      try await scene.database.insert((1...30).map { "other \($0)" }, into: "standalone_chat_messages")
      let plan = try await scene.start(["plan", "job.yaml", "--shards", "3"]).exit()
      #expect(plan.code == 0, "\(plan.errors)")
      #expect(plan.output.contains("3 shards of 40 rows each; 3 open"))

      let shards = try (0..<3).map {
        try scene.start(["run", "job.yaml", "--shard", "\($0)"], Self.machine("pod\($0)", of: scene))
      }
      for number in [0, 2] {
        let exit = await shards[number].exit()
        #expect(exit.code == 0, "\(exit.errors)")
      }
      try await scene.poll("the held request") { scene.server.record.inFlight > 0 }

      func refused(_ arguments: [String], _ code: Int32, _ words: String, machine: String = "other") async throws {
        let exit = try await scene.start(arguments, Self.machine(machine, of: scene)).exit()
        #expect(exit.code == code, "\(arguments): \(exit.errors)")
        #expect((exit.output + exit.errors).contains(words), "\(arguments): \(exit.output)\(exit.errors)")
      }
      let holder = "pid \(shards[1].pid) shard 1"
      try await refused(["run", "job.yaml", "--shard", "1"], 80, holder)
      try await refused(["run", "job.yaml", "--shard", "1"], 80, "process \(shards[1].pid)", machine: "pod1")
      try await refused(["run", "job.yaml"], 80, holder)
      try await refused(["finish", "job.yaml"], 81, "shard 1 is at work (vecfill ")
      try await refused(["plan", "job.yaml", "--shards", "3"], 0, "is kept")
      try await refused(["plan", "job.yaml", "--shards", "4"], 80, "shard 1 is at work")
      try await refused(["status", "job.yaml"], 0, "shard 1 at work: vecfill ")
      try await refused(["status", "job.yaml"], 0, "job shard 1: running in process", machine: "pod1")
      try await refused(["status", "job.yaml"], 0, "job shard 2: complete\n", machine: "pod2")
      try await refused(["status", "--json"], 0, "\"shard\":2,\"shards\":null,", machine: "pod2")
      try await refused(["status", "job.yaml", "--json"], 0, "\"shards\":{\"count\":3,", machine: "pod2")
      try await refused(
        ["status", "job.yaml", "--json"], 0, "\"shards\":{\"count\":3,\"job\":\"job\"", machine: "laptop")

      try await scene.database.run(
        "INSERT INTO chat_messages (id, insight_id, user_id, role, content) VALUES (-7, 1, 1, 'user', 'before')")
      try await scene.database.insert(["behind"])
      await KillTests.kill(shards[1])
      scene.server.add(.always(.answer))
      try await refused(["finish", "job.yaml"], 81, "shard 1 is open")
      try await refused(["plan", "job.yaml", "--shards", "4"], 78, "it is cut into 3 shards already")
      let resumed = try await scene.start(
        ["run", "job.yaml"], Self.machine("another node", of: scene).merging(["JOB_COMPLETION_INDEX": "1"]) { $1 }
      ).exit()
      #expect(resumed.code == 0, "\(resumed.errors)")
      let requests = scene.server.record.requests.count
      try await refused(["run", "job.yaml", "--shard", "0"], 0, "it is done since", machine: "pod0")
      #expect(scene.server.record.requests.count == requests)
      #expect(try await scene.database.count("embedding IS NULL") == 2)

      let finish = try await scene.start(["finish", "job.yaml"], Self.machine("last", of: scene)).exit()
      #expect(finish.code == 0, "\(finish.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(try await Self.planned(scene) == "0")
      #expect(scene.server.record.billedTwice <= 40)
      try await refused(["run", "job.yaml", "--shard", "1"], 78, "no plan of its shards is stored")
      try await refused(["finish", "job.yaml"], 0, "no plan of shards is stored")
    }
  }

  @Test func `with rebuild, plan drops the indexes, no shard touches them, and finish builds them again`() async throws
  {
    try await IndexScene.run(.postgres18, "rebuild") { indexed in
      let scene = indexed.scene
      let plan = try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit()
      #expect(plan.code == 0, "\(plan.errors)")
      #expect(try await indexed.validity().isEmpty)
      for shard in 0..<2 {
        let exit = try await scene.fill(["--shard", "\(shard)"])
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(try await indexed.validity().isEmpty)
      }
      let finish = try await scene.start(["finish", "job.yaml"]).exit()
      #expect(finish.code == 0, "\(finish.errors)")
      #expect(try await indexed.indexes() == indexed.original)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a plan of shards that would each spend the whole budget is refused`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((0..<20).map { "message \($0)" })
      try scene.write(spec: scene.spec + "\nbudget: {usd: 5}\n")
      try scene.writeCatalogue(usdPerMillionTokens: 4)
      let command = ["plan", "job.yaml", "--shards", "2", "--models", "models.yaml"]
      let refused = try await scene.start(command).exit()
      #expect(refused.code == 78 && refused.errors.contains("share: database"), "\(refused.errors)")
      #expect(try await scene.database.rows("SELECT to_regclass('vecfill_shard')").first?.first ?? nil == nil)
      try scene.write(spec: scene.spec + "\nbudget: {usd: 5}\nshare: database\n")
      let planned = try await scene.start(command).exit()
      #expect(planned.code == 0, "\(planned.errors)")
    }
  }

  @Test func `a shard that can't be right is refused before anything is paid`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((1...20).map { "message \($0)" })
      let early = try await scene.fill(["--shard", "0"])
      #expect(early.code == 78)
      #expect(early.errors.contains("vecfill plan JOB --shards N"))
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      for (arguments, words) in [
        (["--shard", "2"], "there is no shard 2"), (["--shard", "0", "--budget", "5"], "budget: "),
        (["--shard", "0", "--model", "text-embedding-3-large"], "model=text-embedding-3-large"),
      ] {
        let exit = try await scene.fill(arguments)
        #expect(exit.code == 78, "\(arguments): \(exit.errors)")
        #expect(exit.errors.contains(words), "\(exit.errors)")
      }
      #expect(scene.server.record.requests.isEmpty)
      let estimate = try await scene.start(["estimate", "job.yaml"]).exit()
      #expect(estimate.errors.contains("a plan of 2 shards is stored: equal texts in two shards may be paid twice"))
    }
  }

  @Test(arguments: [SpoolPlace.ledger, .database])
  func `a plan waits until what a whole run has paid for is written`(spool: SpoolPlace) async throws {
    try await Scene.run(.postgres18) { scene in
      try scene.write(spec: scene.spec + "\nspool: \(spool.rawValue)\n")
      try await scene.database.insert((1...20).map { "message \($0)" })
      let table = try Hold("LOCK TABLE chat_messages IN SHARE MODE", on: scene.database.url)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches > 0 }
      await KillTests.kill(process)
      table.release()
      // With `spool: database` another machine sees it, too.
      if spool == .database { try FileManager.default.removeItem(atPath: scene.folder.file("ledger")) }
      let early = try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit()
      #expect(early.code == 78)
      #expect(early.errors.contains("that are paid for and not yet written"), "\(early.errors)")
      #expect(try await scene.fill().code == 0)
      // The vectors that were written last are kept for a standby, and stand in no plan's way.
      let plan = try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit()
      #expect(plan.code == 0, "\(plan.errors)")
    }
  }

  @Test(arguments: [false, true])
  func `where a job has one more table than its plan, nothing passes over the open shards`(isPlanned: Bool) async throws
  {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((1...20).map { "message \($0)" })
      try await scene.database.insert((1...20).map { "other \($0)" }, into: "standalone_chat_messages")
      let both = scene.spec
      let first = both.replacing("  - table: standalone_chat_messages\n", with: "")
      if isPlanned {
        try scene.write(spec: both.replacing("  - table: chat_messages\n", with: ""))
        #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      }
      try scene.write(spec: first)
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      #expect(try await scene.fill(["--shard", "0"]).code == 0)
      let requests = scene.server.record.requests.count
      try scene.write(spec: both)
      let other = isPlanned ? "others" : "none"
      for arguments in [["finish", "job.yaml"], ["run", "job.yaml", "--shard", "1"], ["plan", "job.yaml"]] {
        let exit = try await scene.start(arguments).exit()
        #expect(exit.code == 78, "\(arguments): \(exit.output)\(exit.errors)")
        #expect(
          exit.errors.contains(
            "the plan of chat_messages.embedding: it has 2 shards, and standalone_chat_messages.embedding of the same job "
              + "has \(other)"), "\(arguments): \(exit.errors)")
      }
      #expect(scene.server.record.requests.count == requests)
      #expect(try await Self.planned(scene) == (isPlanned ? "4" : "2"))
      // Both ways that are told lead on.
      try scene.write(spec: first)
      #expect(try await scene.fill(["--shard", "1"]).code == 0)
      try scene.write(spec: both)
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      let early = try await scene.start(["finish", "job.yaml"]).exit()
      #expect(
        early.code == 81 && early.errors.contains("2 of its 2 shards are not done: shards 0 and 1 are open"),
        "\(early.errors)")
      for shard in 0..<2 { #expect(try await scene.fill(["--shard", "\(shard)"]).code == 0) }
      #expect(try await scene.start(["finish", "job.yaml"]).exit().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test(arguments: [true, false])
  func `after finish the quarantine has the rows that lack a vector, each once`(isMended: Bool) async throws {
    try await Scene.run(.postgres18) { scene in
      let long = String(repeating: "word ", count: 40_000)
      try await scene.database.insert((1...40).map { $0 == 30 ? long : "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      #expect(try await scene.fill(["--shard", "0"]).code == 0)
      #expect(try await scene.fill(["--shard", "1"]).code == 83)
      let list = try await scene.start(["quarantine", "list"]).exit()
      #expect(list.output.split(separator: "\n").count == 1, "\(list.output)")
      if isMended {
        try await scene.database.run("UPDATE chat_messages SET content = 'good' WHERE length(content) > 1000")
      }
      let finish = try await scene.start(["finish", "job.yaml"]).exit()
      #expect(finish.code == (isMended ? 0 : 83), "\(finish.errors)")
      let after = try await scene.start(["quarantine", "list"]).exit()
      let status = try await scene.start(["status"]).exit()
      #expect(after.output.split(separator: "\n").count == 1, "\(after.output)")
      #expect(after.output.contains("no row is in quarantine") == isMended, "\(after.output)")
      #expect(status.output.contains("quarantined") != isMended, "\(status.output)")
      guard !isMended else { return }
      let retried = try await scene.start(["quarantine", "retry"]).exit()
      #expect(retried.output == "1 row is taken by the next run\n", "\(retried.output)")
    }
  }

  @Test(arguments: ["3", "x"]) func `without a plan a completion index means nothing, which is said`(index: String)
    async throws
  {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((1...20).map { "message \($0)" })
      let exit = try await scene.fill([], ["JOB_COMPLETION_INDEX": index])
      #expect(exit.code == 0, "\(exit.errors)")
      let line = "JOB_COMPLETION_INDEX=\(index) is ignored: no plan of the job's shards is stored"
      #expect(exit.errors.components(separatedBy: line).count == 2, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `with a plan a completion index that is no number is refused, and a run of the whole job warned of`()
    async throws
  {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((1...20).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      for index in ["x", "-1", " 1", "1.0", "99999999999999999999", "0x1", "1,2"] {
        let exit = try await scene.fill([], ["JOB_COMPLETION_INDEX": index])
        #expect(exit.code == 78, "\(index): \(exit.errors)")
        let line = "JOB_COMPLETION_INDEX: it is [\(index)], which is no number of a shard"
        #expect(exit.errors.contains(line) && exit.errors.contains("from 0 to 1"), "\(exit.errors)")
      }
      #expect(scene.server.record.requests.isEmpty)
      // Set to nothing is as not set.
      let whole = try await scene.fill([], ["JOB_COMPLETION_INDEX": ""])
      #expect(whole.code == 0, "\(whole.errors)")
      #expect(whole.errors.contains("its plan has 2 open shards: give --shard to fill one"), "\(whole.errors)")
    }
  }

  @Test(arguments: [
    ["plan", "job.yaml", "--shards", "2"], ["run", "job.yaml", "--shard", "0"], ["finish", "job.yaml"],
  ])
  func `a SQLite file has no shards`(arguments: [String]) async throws {
    try await Scene.run(.sqlite) { scene in
      let exit = try await scene.start(arguments).exit()
      #expect(exit.code == 78)
      #expect(exit.errors.contains("one process fills a SQLite file"))
    }
  }

  @Test func `a plan for another model than the column's is refused as its shards would be, and drops no index`()
    async throws
  {
    try await IndexScene.run(.postgres18, "rebuild") { indexed in
      let scene = indexed.scene
      #expect(try await scene.fill().code == 0)
      let exit = try await scene.start(["plan", "job.yaml", "--shards", "2", "--model", "other"]).exit()
      #expect(exit.code == 78 && exit.errors.contains("the database says that it holds vectors of ["), "\(exit.errors)")
      let run = try await scene.fill(["--model", "other"])
      #expect(run.code == 78 && run.errors.contains("the database says that it holds vectors of ["), "\(run.errors)")
      #expect(try await Self.planned(scene) == "0")
      #expect(try await indexed.indexes() == indexed.original)
    }
  }
}
