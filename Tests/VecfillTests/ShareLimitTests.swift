import Foundation
import TestSupport
import Testing

/// Processes under one limit that the server enforces, in real time: run by `scripts/chaos share` alone.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["VECFILL_CHAOS"] == "share"))
struct ShareLimitTests {
  private static let limited: EmbeddingsServer.Options = {
    var options = EmbeddingsServer.Options()
    options.quota = ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000, burst: .seconds(2))
    options.latency = .longTailed(median: 0.15, slow: 0.6)
    return options
  }()

  @Test(arguments: [(4, "requests"), (4, "tokens")])
  func `one limit is used to 95 percent by all, and next to nothing refused`(
    processes count: Int, binding: String
  ) async throws {
    try await Scene.run(.postgres16, Self.limited) { scene in
      let share = ShareScene(scene: scene)
      let size = binding == "requests" ? 3 : 50
      let rows = (binding == "requests" ? 14_500 : 34_000) / count
      for number in 0..<count {
        try await share.make(
          number, rows: rows, text: String(repeating: "x", count: 184),
          spec: """
            batch_size: \(size)
            concurrency: 32
            limits: {requests_per_minute: 3000, tokens_per_minute: 1000000}
            """)
      }
      var running = try (0..<count).map { try share.start($0) }
      try await scene.poll("requests") { scene.server.record.requests.count > 500 }
      await KillTests.kill(running[0])
      running[0] = try share.start(0)
      await Self.complete(running)
      Self.judge(share, "\(count) processes", binding: binding)
      for number in 0..<count { #expect(try await share.wrongRows(number) == 0) }
    }
  }

  @Test func `four shards of one table share limit and budget, one is killed and goes on with an empty disk`()
    async throws
  {
    try await Scene.run(.postgres16, Self.limited) { scene in
      let share = ShareScene(scene: scene)
      let budget = 0.02
      try await share.make(
        0, rows: 14_500, text: String(repeating: "x", count: 184),
        spec: """
          batch_size: 3
          concurrency: 8
          limits: {requests_per_minute: 3000, tokens_per_minute: 1000000}
          budget: {usd: \(budget)}
          spool: database
          """)
      func start(_ arguments: [String], on machine: String) throws -> VecfillProcess {
        try scene.start(arguments, ShardTests.machine(machine, of: scene))
      }
      let plan = try await start(["plan", "job0.yaml", "--shards", "4"], on: "planner").exit()
      #expect(plan.code == 0, "\(plan.errors)")
      var running = try (0..<4).map { try start(["run", "job0.yaml", "--shard", "\($0)"], on: "pod\($0)") }
      try await scene.poll("requests") { scene.server.record.requests.count > 500 }
      await KillTests.kill(running[1])
      try FileManager.default.removeItem(atPath: scene.folder.file("pod1"))
      running[1] = try start(["run", "job0.yaml", "--shard", "1"], on: "another node")
      await Self.complete(running)
      let finish = try await start(["finish", "job0.yaml"], on: "last").exit()
      #expect(finish.code == 0, "\(finish.errors)")
      Self.judge(share, "4 shards", binding: "requests")
      #expect(try await share.wrongRows(0) == 0)
      Self.judge(scene, "4 shards", spendsUpTo: budget, paysTwiceUpTo: 8 * 3)
    }
  }

  @Test func `two different jobs leave the application its share, one is killed and goes on with an empty disk`()
    async throws
  {
    try await Scene.run(.postgres16, Self.limited) { scene in
      let share = ShareScene(scene: scene)
      let budget = 0.02
      for (number, size, rows) in [(0, 3, 4_200), (1, 5, 7_000)] {
        try await share.make(
          number, rows: rows, text: String(repeating: "x", count: 184),
          spec: """
            batch_size: \(size)
            concurrency: \(8 * (number + 1))
            limits: {requests_per_minute: 3000, tokens_per_minute: 1000000, share: 0.7}
            budget: {usd: \(budget)}
            spool: database
            """)
      }
      let application = Process()
      let (input, output) = (Pipe(), Pipe())
      application.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
      application.arguments = ["-c", ShareScene.application, "\(scene.server.root)/v1", "14"]
      (application.standardInput, application.standardOutput) = (input, output)
      try application.run()
      var running = try (0..<2).map { try share.start($0) }
      try await scene.poll("requests") { scene.server.record.requests.count > 600 }
      await KillTests.kill(running[1])
      try FileManager.default.removeItem(atPath: scene.folder.file("ledger1"))
      running[1] = try share.start(1)
      await Self.complete(running)
      try input.fileHandleForWriting.close()
      let counts = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      print("figure: the application: requests sent and refused \(counts)")
      #expect(counts.hasSuffix(" 0\n"))
      Self.judge(share, "2 jobs with 0.7 of the limit", binding: "requests", of: 0.7)
      for number in 0..<2 { #expect(try await share.wrongRows(number) == 0) }
      Self.judge(scene, "2 jobs", spendsUpTo: budget, paysTwiceUpTo: 16 * 5)
    }
  }

  @Test func `one process that shares is as fast as one that does not`() async throws {
    var rates: [Bool: Double] = [:]
    for isShared in [false, true] {
      try await Scene.run(.postgres16, Self.limited) { scene in
        let share = ShareScene(scene: scene)
        try await share.make(
          0, rows: 14_500, text: String(repeating: "x", count: 184), isShared: isShared,
          spec: """
            batch_size: 3
            concurrency: 32
            limits: {requests_per_minute: 3000, tokens_per_minute: 1000000}
            """)
        let exit = try await share.start(0).exit()
        #expect(exit.code == 0, "\(exit.errors)")
        rates[isShared] = Self.judge(share, "1 process, \(isShared ? "" : "not ")shared", binding: "requests")
      }
    }
    #expect(rates[true] ?? 0 >= 0.98 * (rates[false] ?? 1))
  }

  private static func complete(_ running: [VecfillProcess]) async {
    for process in running {
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
    }
  }

  /// Prints and judges what was paid.
  private static func judge(_ scene: Scene, _ name: String, spendsUpTo budget: Double, paysTwiceUpTo inputs: Int) {
    let (record, price) = (scene.server.record, 0.02 / 1_000_000)
    let spent = Double(record.billedTokens) * price
    print("figure: \(name): $\(spent) of $\(budget), \(record.billedTwice) inputs paid twice")
    #expect(spent <= budget)
    #expect(record.billedTwice <= inputs)
  }

  /// Prints and judges what was used of the limit, or of the jobs' `part` of it, and returns it.
  @discardableResult
  private static func judge(_ share: ShareScene, _ name: String, binding: String, of part: Double = 1) -> Double {
    let scene = share.scene
    let requests = scene.server.record.requests.filter { $0.headers["user-agent"] != "application" }
    guard let start = requests.first?.time else {
      Issue.record("no request was sent")
      return 0
    }
    let first = start + .seconds(5)
    let counted = requests.filter { (first..<first + .seconds(60)).contains($0.time) }
    let used =
      binding == "requests"
      ? Double(counted.count) / 3_000 / part : Double(counted.reduce(0) { $0 + $1.tokens }) / 1_000_000 / part
    let refused = Double(scene.server.throttled) / Double(requests.count)
    print("figure: \(name), \(binding) bind: used \(used), 429s \(refused), most in 60 s \(share.most(in: 60))")
    #expect(used >= 0.95)
    #expect(refused <= 0.005)
    return used
  }
}
