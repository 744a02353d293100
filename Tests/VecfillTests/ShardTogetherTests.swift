import Foundation
import TestSupport
import Testing

/// Several processes on one plan at the same instant, and what is left where one dies.
@Suite struct ShardTogetherTests {
  private static func codes(of processes: [VecfillProcess]) async -> [Int32] {
    var codes: [Int32] = []
    for process in processes { codes.append(await process.exit().code ?? -1) }
    return codes
  }

  @Test func `of plans that are made at once one is stored, and the others keep it or say who makes it`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      let processes = try (0..<6).map { index in
        try scene.start(["plan", "job.yaml", "--shards", "4", "--json"], ShardTests.machine("host\(index)", of: scene))
      }
      let codes = await Self.codes(of: processes)
      #expect(codes.contains(0))
      #expect(codes.allSatisfy { $0 == 0 || $0 == 80 }, "\(codes): \(processes.map(\.errors))")
      let plans = try await scene.database.rows("SELECT DISTINCT planned_at FROM vecfill_shard")
      #expect(plans.count == 1)
      let again = try await scene.start(["plan", "job.yaml", "--shards", "4"]).exit()
      #expect(again.code == 0 && again.output.contains("is kept"), "\(again.output)\(again.errors)")
      #expect(try await scene.database.rows("SELECT DISTINCT planned_at FROM vecfill_shard") == plans)
    }
  }

  @Test func `of processes that start one shard at once exactly one works`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.postgres16, rules: [.always(.hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      let processes = try (0..<6).map { index in
        try scene.start(["run", "job.yaml", "--shard", "1"], ShardTests.machine("pod\(index)", of: scene))
      }
      try await scene.poll("all but one to end") { processes.filter(\.isRunning).count <= 1 }
      try await scene.server.wait { $0.requests.count >= 2 }
      gate.open()
      #expect(await Self.codes(of: processes).sorted() == [0, 80, 80, 80, 80, 80])
      #expect(scene.server.record.requests.count == 2)
      #expect(try await scene.start(["run", "job.yaml", "--shard", "0"]).exit().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test func `a plan that is killed between the drop of the indexes and its own storing is made again`() async throws {
    try await IndexScene.run(.postgres18, "keep") { indexed in
      let scene = indexed.scene
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      try scene.write(spec: scene.spec + "\nindex: {when: rebuild}")
      let table = try Hold("LOCK TABLE vecfill_shard IN SHARE MODE", on: scene.database.url)
      let process = try scene.start(["plan", "job.yaml", "--shards", "3"])
      try await scene.poll("the drop") { try await indexed.validity().isEmpty }
      try await scene.poll("the wait") {
        try await scene.database.rows(
          "SELECT FROM pg_locks WHERE relation = 'vecfill_shard'::regclass AND NOT granted"
        ).isEmpty == false
      }
      await KillTests.kill(process)
      try await KillTests.endSessions(of: scene)
      table.release()
      #expect(try await ShardTests.planned(scene) == "4")

      let again = try await scene.start(["plan", "job.yaml", "--shards", "3"]).exit()
      #expect(again.code == 0, "\(again.errors)")
      #expect(try await ShardTests.planned(scene) == "6")
      for shard in 0..<3 { #expect(try await scene.fill(["--shard", "\(shard)"]).code == 0) }
      let finish = try await scene.start(["finish", "job.yaml"]).exit()
      #expect(finish.code == 0, "\(finish.errors)")
      #expect(try await indexed.indexes() == indexed.original)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a shard that was claimed before another recorded what it writes compares nothing`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      // It has read that nothing is recorded, and not yet whether there are vectors.
      let row = try Hold("SELECT FROM vecfill_shard WHERE shard = 1 FOR UPDATE", on: scene.database.url)
      let late = try scene.start(["run", "job.yaml", "--shard", "1"], ShardTests.machine("pod1", of: scene))
      try await scene.poll("the wait") {
        try await !scene.database.rows(
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%vecfill_shard%'"
        ).isEmpty
      }
      let first = try await scene.fill(["--shard", "0"], ShardTests.machine("pod0", of: scene))
      #expect(first.code == 0, "\(first.errors)")
      row.release()
      let exit = await late.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(scene.server.record.billedAgain == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `shards ask by the batch API, and finish waits for what is with the provider`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      for shard in 0..<2 {
        let machine = ShardTests.machine("pod\(shard)", of: scene)
        let exit = try await scene.fill(["--shard", "\(shard)", "--batch"], machine)
        #expect(exit.code == 75, "\(exit.errors)")
        let finish = try await scene.start(["finish", "job.yaml"]).exit()
        let open = ["shards 0 and 1 are open", "shard 1 is open"][shard]
        #expect(finish.code == 81 && finish.errors.contains(open), "\(finish.errors)")
        let list = try await scene.start(["batch", "list", "job.yaml"], machine).exit()
        #expect(list.code == 0 && list.output.contains(#/batch_\S+ +20 /#), "\(list)")
        let fetch = try await scene.start(["batch", "fetch", "job.yaml"], machine).exit()
        #expect([0, 75].contains(fetch.code), "\(fetch.errors)")
        var again = try await scene.fill(["--shard", "\(shard)", "--batch"], machine)
        for _ in 0..<12 where again.code == 75 {
          again = try await scene.fill(["--shard", "\(shard)", "--batch"], machine)
        }
        #expect(again.code == 0, "\(again.errors)")
      }
      #expect(try await scene.start(["finish", "job.yaml"]).exit().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0 && scene.server.record.requests.isEmpty)
    }
  }

  @Test(arguments: ["share", "spool"])
  func `a plan for the batch API of a job that no run could do by it is refused`(key: String) async throws {
    try await Scene.run(.postgres18) { scene in
      try scene.write(spec: scene.spec + "\nmode: batch\n\(key): database\n")
      for arguments in [["plan", "job.yaml", "--shards", "2"], ["run", "job.yaml"]] {
        let exit = try await scene.start(arguments).exit()
        #expect(exit.code == 78 && exit.errors.contains("\(key): database: "), "\(arguments): \(exit.errors)")
        #expect(exit.errors.contains("--no-batch"), "\(exit.errors)")
      }
    }
  }

  @Test func `a shard whose machine is gone with its disk pays for nothing twice that it had received`() async throws {
    try await SpoolScene.run(.postgres18) { spool in
      let scene = spool.scene
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      let rows = try await KillTests.holdRows(of: scene, .postgres18)
      let process = try scene.start(["run", "job.yaml", "--shard", "1"], ShardTests.machine("gone", of: scene))
      try await scene.poll("the replies") { try await spool.held() == 2 }
      try await spool.kill(process)
      rows.release()
      try FileManager.default.removeItem(atPath: scene.folder.file("gone"))
      // Another shard doesn't take them for its own.
      #expect(try await scene.fill(["--shard", "0"], ShardTests.machine("pod0", of: scene)).code == 0)
      #expect(try await spool.held() == 2)
      let resumed = try await scene.fill(["--shard", "1"], ShardTests.machine("pod1", of: scene))
      #expect(resumed.code == 0, "\(resumed.errors)")
      #expect(scene.server.record.requests.count == 4)
      #expect(scene.server.record.billedAgain == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(try await spool.held() == 0)
      #expect(try await scene.start(["finish", "job.yaml"]).exit().code == 0)
    }
  }
}
