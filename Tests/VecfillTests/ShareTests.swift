import Foundation
import TestSupport
import Testing

/// Real processes that share one limit and one budget through their database.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct ShareTests {
  private static let limits = "limits: {requests_per_minute: 3000, tokens_per_minute: 1000000}"
  /// Tokens as a budget believes them.
  private static let counting: EmbeddingsServer.Options = {
    var options = EmbeddingsServer.Options()
    options.tokens = { $0.utf8.count / 2 + 1 }
    return options
  }()

  @Test func `three processes, one killed and one stopped for a while, keep one limit`() async throws {
    var options = EmbeddingsServer.Options()
    // Nobody has more than 2 s of the limit at once.
    options.quota = ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000, burst: .seconds(2))
    options.latency = .longTailed(median: 0.05, slow: 0.2)
    try await Scene.run(.postgres16, options) { scene in
      let share = ShareScene(scene: scene)
      for number in 0..<3 {
        try await share.make(
          number, rows: 220, text: "text", spec: "batch_size: 1\nconcurrency: 16\n\(Self.limits)")
      }
      var processes = try (0..<3).map { try share.start($0) }
      try await scene.poll("requests of all") { scene.server.record.requests.count > 120 }
      processes[0].send(SIGKILL)
      #expect(await processes[0].exit().signal == SIGKILL)
      processes[1].send(SIGSTOP)
      processes[0] = try share.start(0)
      let status = try await scene.start(
        ["status", "job2.yaml", "--json"], ["VECFILL_LEDGER": scene.folder.file("ledger2/vecfill.db")]
      ).exit()
      let stopped = scene.server.record.requests.count
      try await scene.poll("requests of the others") { scene.server.record.requests.count > stopped + 60 }
      processes[1].send(SIGCONT)
      for process in processes {
        let exit = await process.exit()
        #expect(exit.code == 0, "\(exit.errors)")
      }
      for number in 0..<3 { #expect(try await share.wrongRows(number) == 0) }
      #expect(scene.server.throttled == 0)
      let took =
        (scene.server.record.requests.last?.time ?? .zero) - (scene.server.record.requests.first?.time ?? .zero)
      print("figure: \(scene.server.record.requests.count) requests in \(took), most in 5 s \(share.most(in: 5))")
      // What 5 s have of the limit, and the 2 s that may come at once.
      #expect(share.most(in: 5).requests <= 250 + 100)
      #expect(status.output.contains("\"shared\":{\"holders\":[{\"job\":\"job"), "\(status)")
      #expect(status.output.contains("\"pool\":\"127.0.0.1:\(scene.server.port) text-embedding-3-small\""), "\(status)")
    }
  }

  @Test func `a run says what all that share the budget have spent, before it asks for anything`() async throws {
    try await Scene.run(.postgres16) { scene in
      let share = ShareScene(scene: scene)
      try scene.writeCatalogue(usdPerMillionTokens: 4)
      for number in 0..<2 {
        try await share.make(number, rows: 40, text: "text", spec: "budget: {usd: 5}\n\(Self.limits)")
      }
      var spent: [Double] = []
      for number in 0..<2 {
        let exit = try await share.start(number, ["--models", "models.yaml", "--log-format", "json"]).exit()
        #expect(exit.code == 0, "\(exit.errors)")
        let line = try #require(exit.errors.split(separator: "\n").first { $0.contains("\"run_started\"") })
        #expect(line.contains("of it spent by all that share it"), "\(line)")
        let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        spent.append(try #require(event?["spent_usd"] as? Double))
      }
      let billed = Double(scene.server.record.billedTokens) * 4 / 1_000_000
      #expect(spent[0] == 0 && spent[1] > billed * 0.3 && spent[1] < billed, "\(spent) of \(billed)")
    }
  }

  @Test func `three processes spend one budget, one of them killed`() async throws {
    var options = EmbeddingsServer.Options()
    options.latency = .longTailed(median: 0.05, slow: 0.2)
    options.tokens = { $0.utf8.count / 2 + 1 }
    let (price, budget) = (4.0, 0.024)
    try await Scene.run(.postgres18, options) { scene in
      let share = ShareScene(scene: scene)
      try scene.writeCatalogue(usdPerMillionTokens: price)
      for number in 0..<3 {
        try await share.make(
          number, rows: 400, text: "some more of the text",
          spec: "batch_size: 4\nconcurrency: 6\nbudget: {usd: \(budget)}\n\(Self.limits)")
      }
      let arguments = ["--models", "models.yaml"]
      var processes = try (0..<3).map { try share.start($0, arguments) }
      try await scene.poll("requests") { scene.server.record.requests.count > 12 }
      processes[0].send(SIGKILL)
      _ = await processes[0].exit()
      processes[0] = try share.start(0, arguments)
      for process in processes {
        let exit = await process.exit()
        #expect(exit.code == 82, "\(exit.errors)")
        #expect(exit.errors.contains("by all that share it") || exit.errors.contains("budget"), "\(exit.errors)")
      }
      let billed = Double(scene.server.record.billedTokens) * price / 1_000_000
      print("figure: billed \(billed) of \(budget)")
      #expect(billed <= budget)
      #expect(billed > budget * 0.2)
    }
  }

  @Test func `a ledger that is put back as it was spends no more than is left`() async throws {
    try await Scene.run(.postgres16, Self.counting) { scene in
      let share = ShareScene(scene: scene)
      let price = 4.0
      try scene.writeCatalogue(usdPerMillionTokens: price)
      try await share.make(
        0, rows: 400, text: "some more of the text", spec: "batch_size: 4\nbudget: {usd: 0.005}\n\(Self.limits)")
      let (ledger, old) = (scene.folder.file("ledger0"), scene.folder.file("old"))
      let first = try await share.start(0, ["--models", "models.yaml", "--max-requests", "1"]).exit()
      #expect(first.code == 0, "\(first.errors)")
      try FileManager.default.copyItem(atPath: ledger, toPath: old)
      for _ in 0..<3 {
        let exit = try await share.start(0, ["--models", "models.yaml"]).exit()
        #expect(exit.code == 82 && exit.errors.contains("by all that share it"), "\(exit.errors)")
        try FileManager.default.removeItem(atPath: ledger)
        try FileManager.default.copyItem(atPath: old, toPath: ledger)
      }
      let billed = Double(scene.server.record.billedTokens) * price / 1_000_000
      print("figure: billed \(billed) of 0.005")
      #expect(billed <= 0.005 && billed > 0.0025)
    }
  }

  @Test func `shards of one ledger, one after another, are counted once`() async throws {
    try await Scene.run(.postgres16, Self.counting) { scene in
      let share = ShareScene(scene: scene)
      let price = 4.0
      try scene.writeCatalogue(usdPerMillionTokens: price)
      try await share.make(
        0, rows: 80, text: "some more of the text", spec: "batch_size: 4\nbudget: {usd: 5}\n\(Self.limits)")
      let ledger = ["VECFILL_LEDGER": scene.folder.file("ledger0/vecfill.db")]
      let plan = try await scene.start(["plan", "job0.yaml", "--shards", "4", "--models", "models.yaml"], ledger).exit()
      #expect(plan.code == 0, "\(plan.errors)")
      for shard in 0..<4 {
        let exit = try await share.start(0, ["--models", "models.yaml", "--shard", "\(shard)"]).exit()
        #expect(exit.code == 0, "\(exit.errors)")
      }
      let billed = Double(scene.server.record.billedTokens) * price / 1_000_000
      let told = try await scene.database.rows("SELECT sum(spent), sum(reserved) FROM vecfill_share").first ?? []
      let spent = Double((told.first ?? nil) ?? "") ?? 0
      #expect(abs(spent - billed) < 1e-9 && (told.last ?? nil) == "0", "\(told), billed \(billed)")
    }
  }

  @Test(arguments: [
    (ChatDatabase.Engine.sqlite, [String](), "needs PostgreSQL"),
    (.postgres16, ["--batch"], "can't share its limits and its budget"),
  ])
  func `where nothing can be shared the run says so`(
    engine: ChatDatabase.Engine, arguments: [String], words: String
  ) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: scene.unlimitedSpec + "\nshare: database\n")
      let exit = try await scene.fill(arguments)
      #expect(exit.code == 78 && exit.errors.contains(words), "\(exit.errors)")
      #expect(scene.server.record.requests.isEmpty)
    }
  }
}
