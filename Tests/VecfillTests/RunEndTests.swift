import Foundation
import TestSupport
import Testing

@testable import vecfill

/// Who is told how a run ended: `--on-exit`, `--webhook` and the termination log.
@Suite struct RunEndTests {
  private static let hook = "cat >summary.json; echo $VECFILL_EXIT_CODE >code; env >environment"

  private static func summary(_ scene: Scene) throws -> [String: Any] {
    let data = try Data(contentsOf: URL(fileURLWithPath: scene.folder.file("summary.json")))
    #expect(try EventSchema.check(String(decoding: data, as: UTF8.self)).problems == "")
    return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }

  private static func text(_ scene: Scene, _ file: String) throws -> String {
    try String(contentsOfFile: scene.folder.file(file), encoding: .utf8)
  }

  @Test(
    arguments: [
      ([], [:], 0, "complete"), (["--budget", "0.0001"], [:], 82, "failed"),
      ([], ["DATABASE_URL": "nonsense"], 78, "failed"),
      (["--batch-size", "none"], [:], 64, "failed"),
    ] as [([String], [String: String], Int32, String)])
  func `a command is told of every ending, those before the first row included`(
    arguments: [String], place: [String: String], code: Int32, outcome: String
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      // The last may cost more than the least budget.
      try await scene.database.insert((0..<5).map { "message \($0)" } + [String(repeating: "word ", count: 1_400)])
      let log = scene.folder.file("termination-log")
      try Data("vecfill: before\n".utf8).write(to: URL(fileURLWithPath: log))
      var place = place as [String: String?]
      place["VECFILL_TERMINATION_LOG"] = log
      place["SLACK_TOKEN"] = "mine"
      let exit = try await scene.fill(arguments + ["--on-exit", Self.hook], place)
      #expect(exit.code == code, "\(exit.errors)")
      let summary = try Self.summary(scene)
      #expect(summary["outcome"] as? String == outcome && summary["job"] as? String == "job")
      #expect(summary["exit_code"] as? Int32 == code)
      #expect(try Self.text(scene, "code") == "\(code)\n")
      let environment = try Self.text(scene, "environment")
      #expect(environment.contains("SLACK_TOKEN=mine"))
      #expect(!environment.contains("API_KEY") && !environment.contains("DATABASE_URL"), "\(environment)")
      let line =
        code == 0
        ? exit.output.split(separator: "\n").first.map { "vecfill: \($0)" }
        : exit.errors.split(separator: "\n").last { $0.hasPrefix("vecfill:") }.map(String.init)
      let last = try #require(line)
      #expect(try Self.text(scene, "termination-log") == last + "\n")
    }
  }

  @Test func `a stop, quarantined rows and a run that is left to another are told too`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(
      .sqlite, rules: [.poison { $0.contains("poison") }, .requests(2..<50, .hold(gate, then: .answer))]
    ) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml", "--on-exit", Self.hook])
      try await scene.server.wait { $0.requests.count >= 3 }
      let other = try await scene.fill(["--if-locked", "skip", "--on-exit", Self.hook])
      #expect(other.code == 0)
      #expect(try Self.summary(scene)["outcome"] as? String == "skipped")
      #expect(try Self.summary(scene)["level"] as? String == "info" && Self.text(scene, "code") == "0\n")
      let json = try await scene.fill(["--if-locked", "skip", "--log-format", "json"])
      let told = [("skipped", json.errors), ("run_finished", json.output)]
      for (name, lines) in told {
        #expect(try EventSchema.check(lines).problems == "")
        let line = try #require(lines.split(separator: "\n").first { $0.contains("\"event\":\"\(name)\"") }, "\(lines)")
        #expect(line.contains("\"exit_code\":0,") && line.contains("\"remedy\":null"), "\(line)")
      }
      #expect(try await scene.fill(["--if-locked", "skip"]).output.isEmpty)
      process.send(SIGTERM)
      try await scene.poll("the stop") { process.errors.contains("stopping") }
      gate.open()
      #expect(await process.exit().code == 143)
      #expect(try Self.summary(scene)["outcome"] as? String == "stopped" && Self.text(scene, "code") == "143\n")
      try await scene.database.insert(["poison"])
      #expect(try await scene.fill(["--on-exit", Self.hook]).code == 83)
      #expect(try Self.summary(scene)["rows_quarantined"] as? Int == 1)
    }
  }

  @Test(arguments: [("exit 3", "ended with 3"), ("kill -9 $$", "signal 9"), ("no-such-command", "ended with 127")])
  func `its own failure is a warning, and changes no exit code`(command: String, told: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["one"])
      let exit = try await scene.fill(["--on-exit", command])
      #expect(exit.code == 0 && exit.errors.contains(told), "\(exit.errors)")
    }
  }

  @Test func `a command that hangs is killed with its children`() async throws {
    let folder = try TemporaryFolder()
    let command = ExitCommand(
      command: "sleep 300 & echo $! >\(folder.file("child")); sleep 300", patience: .milliseconds(500))
    let problem = await command.run("{}", exitCode: 0)
    #expect(problem?.contains("was killed") == true)
    let child = try #require(
      Int32(String(contentsOfFile: folder.file("child"), encoding: .utf8).trimmingCharacters(in: .newlines)))
    for _ in 0..<200 where kill(child, 0) == 0 { try await Task.sleep(for: .milliseconds(10)) }
    #expect(kill(child, 0) != 0)
  }

  @Test(
    arguments: [
      ("https://hooks.example.com/T0/SECRET", true), ("http://127.0.0.1:9/x", true), ("http://localhost/x", true),
      ("http://[::1]:80/", true), ("http://example.com/x", false), ("ftp://example.com/", false), ("nonsense", false),
      ("https://", false), ("http://127.0.0.1.evil.com/", false), ("https://a b/", false),
    ])
  func `a webhook is https, or http on this machine alone`(url: String, isGood: Bool) {
    #expect((Webhook(url) != nil) == isGood)
  }

  /// The embeddings server takes any POST, and counts it.
  @Test(arguments: [(200, 1), (500, 2), (404, 1)])
  func `a webhook is sent once, and once more where the server fails`(status: Int, requests: Int) async throws {
    try await Scene.run(.sqlite) { scene in
      let rules: [EmbeddingsServer.Rule] = [.always(.respond(.page(status)))]
      try await scene.database.insert(["one"])
      try await EmbeddingsServer.run(rules: rules) { receiver in
        let url = receiver.root + "/hooks/SECRET"
        let exit = try await scene.fill(status == 200 ? ["--webhook", url] : [], ["VECFILL_WEBHOOK": url])
        #expect(exit.code == 0)
        #expect(receiver.record.requests.count == requests, "\(exit.errors)")
        #expect(exit.errors.contains("--webhook: 127.0.0.1 was not told: status") == (status != 200), "\(exit.errors)")
        #expect(!(exit.errors + exit.output).contains("SECRET"))
      }
    }
  }

  @Test func `the webhook, the termination log and the receiver of metrics may stand in dotenv`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["one"])
      try await EmbeddingsServer.run(rules: [.always(.respond(.page(200)))]) { receiver in
        let log = scene.folder.file("log")
        try Data().write(to: URL(fileURLWithPath: log))
        let lines = [
          "VECFILL_WEBHOOK=\(receiver.root)/hook", "VECFILL_TERMINATION_LOG=\(log)",
          "OTEL_EXPORTER_OTLP_ENDPOINT=\(receiver.root)",
        ]
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: scene.folder.file(".env")))
        let exit = try await scene.fill()
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(receiver.record.requests.count >= 2, "\(exit.errors)")
        #expect(try Self.text(scene, "log").hasPrefix("vecfill: job: complete"))
      }
    }
  }

  @Test(
    arguments: [
      (["report", "job.yaml"], [:]), (["report", "chat.db"], [:]), (["report", "ledger/vecfill.db"], [:]),
      (["run", "job.yaml", "--metrics-file", "job.yaml"], [:]),
      (["run", "job.yaml", "--metrics-file", "chat.db"], [:]),
      (["run", "job.yaml"], ["VECFILL_TERMINATION_LOG": "job.yaml"]),
    ] as [([String], [String: String])])
  func `no file of another kind is written over, whatever path is given`(
    arguments: [String], place: [String: String]
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["one"])
      #expect(try await scene.fill().code == 0)
      let files = ["job.yaml", "chat.db", "ledger/vecfill.db"].map { scene.folder.file($0) }
      let before = files.map { FileManager.default.contents(atPath: $0) }
      let exit = try await scene.start(arguments, place).exit()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(
        exit.errors.split(separator: "\n").count == 1 && exit.errors.contains("is left as it is"), "\(exit.errors)")
      #expect(files.map { FileManager.default.contents(atPath: $0) } == before)
      // Its own kind is replaced as ever.
      for _ in 0..<2 { #expect(try await scene.start(["report", "r.html"]).exit().code == 0) }
      #expect(try await scene.start(["report", "/dev/stdout"]).exit().output.hasPrefix("<!doctype html>"))
    }
  }
}
