import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A night of cron: the line that ships starts thirty times over a table that an application changes, while the provider,
/// the database and the machine fail.
@Suite struct NightTests {
  /// What goes wrong at a start; at all others nothing does.
  enum Trouble: String {
    case refusals, outage, wrongKey, badText, kill, otherAtWork, backends

    static let starts: [Int: Trouble] = [
      4: .refusals, 8: .outage, 11: .wrongKey, 15: .badText, 19: .kill, 22: .otherAtWork, 26: .backends,
    ]

    /// The exit code that the start ends with, and whether cron mails.
    var code: Int32 {
      switch self {
      case .refusals, .kill, .otherAtWork, .backends: 0
      case .outage: 69
      case .wrongKey: 77
      case .badText: 83
      }
    }
  }

  @Test func `thirty starts of the crontab line leave every row right, and mail only what failed`() async throws {
    try await Scene.run(.postgres18) { scene in
      let home = scene.folder.file("home")
      try FileManager.default.createDirectory(atPath: "\(home)/vecfill", withIntermediateDirectories: true)
      try scene.write(spec: scene.spec + "\nedits: clear\n")
      try FileManager.default.copyItem(atPath: scene.folder.file("job.yaml"), toPath: "\(home)/vecfill/job.yaml")
      try await scene.database.insert((0..<40).map { "evening \($0)" })
      #expect(try await scene.start(["migrate", "up", "job.yaml"]).exit().code == 0)
      scene.server.add(.poison(where: { $0.contains("POISON") }))
      let line = try CronLine("--max-outage 1")
      var mails = 0
      for number in 0..<30 {
        try await Self.change(scene, number)
        let trouble = Trouble.starts[number]
        let start = try await Self.start(line, home, scene, trouble)
        #expect(start.code == trouble?.code ?? 0, "start \(number): \(start.mail)")
        #expect(start.mail.isEmpty == (start.code == 0), "start \(number): \(start.mail)")
        // A warning of each kind, and what ends the run: no line of its progress.
        #expect(start.mail.split(separator: "\n").count <= 4, "start \(number): \(start.mail)")
        if start.code != 0 { mails += 1 }
      }
      #expect(mails == 3)
      #expect(try await scene.wrongRows() == ["POISON 15"])
      #expect(try await scene.database.count("embedding IS NULL") == 1)
      // What was paid is in the ledger to the token, but for what was in flight when the process was killed.
      let totals = try #require(try await scene.status()).totals
      let lost = scene.server.record.billedTokens - totals.billedTokens
      #expect(lost >= 0)
      #expect(totals.possiblyPaid > 0 || lost == 0)
      let dollars = Double(totals.billedTokens) * 0.02 / 1_000_000
      #expect(abs((totals.cost ?? 0) - dollars) < 1e-9)
      print(
        "figure: 30 cron starts, \(Trouble.starts.count) with trouble: \(mails) mails, \(totals.requests) requests, "
          + "\(scene.server.record.billedAgain) inputs billed again, \(totals.billedTokens) tokens")
    }
  }

  /// What the application did since the last start.
  private static func change(_ scene: Scene, _ number: Int) async throws {
    try await scene.database.insert((0..<12).map { "night \(number).\($0)" })
    try await scene.database.run(
      """
      UPDATE chat_messages SET content = content || ' edited' WHERE id % 30 = \(number) AND content NOT LIKE 'POISON%';
      DELETE FROM chat_messages WHERE id % 97 = \(number) AND content NOT LIKE 'POISON%'
      """)
  }

  private static func start(
    _ line: CronLine, _ home: String, _ scene: Scene, _ trouble: Trouble?
  ) async throws -> CronLine.Start {
    var environment = scene.environment
    switch trouble {
    case nil: break
    case .refusals:
      scene.server.add(EmbeddingsServer.Rule.always(.respond(.error(429, type: "rate_limit_error"))).times(2))
    case .outage:
      // Before its first answer a refused connection would be a wrong address.
      let isDown = Locked(true)
      scene.server.add(.when({ isDown.withLock(\.self) }, .respond(.error(503, type: "server_error"))))
      defer { isDown.withLock { $0 = false } }
      return try await line.start(in: home, environment)
    case .wrongKey: environment["OPENAI_API_KEY"] = "sk-wrong"
    case .badText: try await scene.database.insert(["POISON 15"])
    case .kill:
      try await killed(scene)
    case .otherAtWork:
      let gate = EmbeddingsServer.Gate()
      let before = scene.server.record.requests.count
      scene.server.add(EmbeddingsServer.Rule.always(.hold(gate, then: .answer)).times(1))
      let other = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.requests.count > before }
      let start = try await line.start(in: home, environment)
      gate.open()
      #expect(await other.exit().code == 0)
      return start
    case .backends:
      let gate = EmbeddingsServer.Gate()
      let before = scene.server.record.requests.count
      scene.server.add(EmbeddingsServer.Rule.always(.hold(gate, then: .answer)).times(1))
      async let start = line.start(in: home, environment)
      try await scene.server.wait { $0.requests.count > before }
      let ended = try await scene.database.rows(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'vecfill %'
        """)
      #expect(!ended.isEmpty)
      gate.open()
      return try await start
    }
    return try await line.start(in: home, environment)
  }

  /// A run that is killed with a request in flight.
  private static func killed(_ scene: Scene) async throws {
    let gate = EmbeddingsServer.Gate()
    let before = scene.server.record.requests.count
    scene.server.add(EmbeddingsServer.Rule.always(.hold(gate, then: .answer)).times(1))
    let process = try scene.start(["run", "job.yaml"])
    try await scene.server.wait { $0.requests.count > before }
    process.send(SIGKILL)
    #expect(await process.exit().signal == SIGKILL)
    gate.open()
  }
}
