import Backfill
import Foundation
import TestSupport
import Testing

/// The processes of a `ShareCase`, each on a host of its own, and what is done to them.
final class ShareWorld {
  /// How often what was done.
  struct Happened: CustomStringConvertible {
    var kills = 0
    var lostDisks = 0
    var stops = 0
    var cuts = 0
    var restarts = 0

    var count: Int { kills + stops + cuts }
    var description: String {
      "\(kills) kills, \(lostDisks) of them with the disk, \(stops) stops, \(cuts) cut off, \(restarts) started again"
    }
  }

  let plan: ShareCase
  let share: ShareScene
  private(set) var happened = Happened()
  /// At each kill the texts whose vectors were in their rows or in the database's spool, and how many requests had come
  /// by then.
  private(set) var durable: [(requests: Int, texts: Set<TextDigest>)] = []
  private var random: SeededGenerator
  private var running: [VecfillProcess] = []
  private let proxies: [PostgresProxy]
  private let clock: SkewedClock
  private let port: String
  /// Of each process the machine that it is on, by number.
  private var machines: [Int]

  private var scene: Scene { share.scene }

  init(_ plan: ShareCase, _ scene: Scene) async throws {
    self.plan = plan
    share = ShareScene(scene: scene)
    random = SeededGenerator(seed: plan.seed &+ 1)
    clock = try SkewedClock()
    port = String(try #require(scene.database.url.firstMatch(of: /:(\d+)\//)).1)
    let number = try #require(Int(port))
    proxies = try (0..<plan.processes).map { _ in try PostgresProxy(to: number) }
    machines = Array(0..<plan.processes)
    try scene.writeCatalogue(usdPerMillionTokens: plan.price)
    for table in plan.tables {
      try await share.make(
        table, rows: plan.isSharded ? plan.rows * plan.processes : plan.rows, text: ShareCase.text,
        spec: """
          batch_size: \(plan.batchSize)
          concurrency: \(plan.concurrency)
          limits: {requests_per_minute: \(plan.requestsPerMinute), tokens_per_minute: \(plan.tokensPerMinute)}
          spool: database
          """ + (plan.budget.map { "\nbudget: {usd: \(Decimal($0))}" } ?? ""))
    }
    if plan.isSharded {
      let planned = try await scene.start(
        ["plan", "job0.yaml", "--shards", "\(plan.processes)", "--models", "models.yaml"],
        ShardTests.machine("planner", of: scene)
      ).exit()
      #expect(planned.code == 0, "\(planned.errors)")
    }
    running = try (0..<plan.processes).map(start)
  }

  deinit {
    for proxy in proxies { proxy.close() }
  }

  private func start(_ index: Int) throws -> VecfillProcess {
    let work = plan.isSharded ? ["run", "job0.yaml", "--shard", "\(index)"] : ["run", "job\(index).yaml"]
    var changes = ShardTests.machine("machine\(machines[index])", of: scene)
    changes["DATABASE_URL"] = scene.database.url.replacing(":\(port)/", with: ":\(proxies[index].port)/")
    for (name, value) in clock.environment(ahead: plan.clocks[index]) { changes[name] = value }
    return try scene.start(work + ["--models", "models.yaml", "--max-outage", "60"], changes)
  }

  /// Does what the case has in store, while the processes work.
  func disturb() async throws {
    for _ in 0..<plan.events {
      let total = plan.processes * plan.rows / plan.batchSize
      let wanted =
        scene.server.record.requests.count + .random(in: 1...max(2, total / (plan.events + 1)), using: &random)
      try await scene.poll("requests, or the end of all") { [running] in
        scene.server.record.requests.count >= wanted || !running.contains(where: \.isRunning)
      }
      guard let index = running.indices.filter({ running[$0].isRunning }).randomElement(using: &random) else { return }
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5: try await kill(index)
      case 5..<8: try await stop(index)
      default:
        proxies[index].cut()
        happened.cuts += 1
      }
    }
  }

  private func kill(_ index: Int) async throws {
    let process = running[index]
    process.send(SIGKILL)
    guard await process.exit().signal == SIGKILL else { return }
    happened.kills += 1
    // What the dead process had sent to the server would be done yet, once its lock is free.
    try await scene.database.run(
      """
      SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name ~ 'pid \(process.pid)( |$)'
      """)
    let texts = try await durableTexts()
    durable.append((scene.server.record.requests.count, texts))
    if Bool.random(using: &random) {
      happened.lostDisks += 1
      let disk = scene.folder.file("machine\(machines[index])")
      if FileManager.default.fileExists(atPath: disk) { try FileManager.default.removeItem(atPath: disk) }
      machines[index] += plan.processes
    }
    running[index] = try start(index)
  }

  /// Stops a process, for longer than it holds a part of the limit or not; now and then it is killed then.
  private func stop(_ index: Int) async throws {
    running[index].send(SIGSTOP)
    happened.stops += 1
    try await Task.sleep(for: .seconds(Double.random(in: 0.1...3.5, using: &random)))
    if Int.random(in: 0..<4, using: &random) == 0 {
      try await kill(index)
    } else {
      running[index].send(SIGCONT)
    }
  }

  /// Waits for all processes, and starts those again that a scheduler would; returns the exit codes. Where all have ended
  /// with 0, the plan of the shards is finished.
  func end() async throws -> [Int32] {
    var codes: [Int32] = []
    for index in running.indices {
      var exit = await running[index].exit()
      for _ in 0..<20 where [69, 80].contains(exit.code) {
        happened.restarts += 1
        running[index] = try start(index)
        exit = await running[index].exit()
      }
      #expect([0, 82].contains(exit.code), "\(plan): \(exit.errors)")
      codes.append(exit.code ?? -1)
    }
    if plan.isSharded, codes.allSatisfy({ $0 == 0 }) {
      let finish = try await scene.start(
        ["finish", "job0.yaml", "--models", "models.yaml"], ShardTests.machine("last", of: scene)
      ).exit()
      #expect(finish.code == 0, "\(plan): \(finish.errors)")
    }
    return codes
  }

  /// How many replies the database holds.
  func held() async throws -> Int {
    try await scene.database.rows("SELECT count(*) FROM vecfill_spool").first?[0].flatMap { Int($0) } ?? -1
  }

  private func durableTexts() async throws -> Set<TextDigest> {
    let hasSpool = try await scene.database.rows("SELECT to_regclass('vecfill_spool')")[0][0] != nil
    var texts: Set<TextDigest> = []
    for table in plan.tables.map(share.table) {
      let spooled = """
        OR id IN (SELECT (r->>'k')::int
          FROM vecfill_spool, jsonb_array_elements(convert_from(contents, 'UTF8')::jsonb->'rows') r
          WHERE table_id = '\(table)'::regclass)
        """
      let rows = try await scene.database.rows(
        "SELECT content FROM \(table) WHERE embedding IS NOT NULL \(hasSpool ? spooled : "")")
      texts.formUnion(rows.compactMap { $0[0].map { TextDigest(of: $0) } })
    }
    return texts
  }
}
