import Foundation
import TestSupport
import Testing

/// What doesn't fit together is told in one line, with its own exit code, before any call is made.
@Suite struct RefusalTests {
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    var sql: String?
    var spec: (String, String)?
    var environment: [String: String?] = [:]
    var arguments: [String] = []
    let code: Int32
    let told: String
  }

  static let cases: [Case] = [
    Case(
      testDescription: "no such table", sql: "DROP TABLE standalone_chat_messages", code: 78,
      told: "standalone_chat_messages"),
    Case(
      testDescription: "no such column", spec: ("chat_messages\n", "chat_messages\n    vector: vec\n"), code: 78,
      told: "vec"),
    Case(testDescription: "another dimension", spec: ("dimensions: 8", "dimensions: 16"), code: 78, told: "16"),
    Case(testDescription: "an unknown key", spec: ("batch_size", "batch_sice"), code: 78, told: "batch_sice"),
    Case(testDescription: "a wrong type", spec: ("batch_size: 10", "batch_size: ten"), code: 78, told: "batch_size"),
    Case(testDescription: "a bad flag", arguments: ["--concurrency", "0"], code: 64, told: "--concurrency"),
    Case(testDescription: "an unknown flag", arguments: ["--fast"], code: 64, told: "--fast"),
    Case(testDescription: "no database", environment: ["DATABASE_URL": nil], code: 78, told: "DATABASE_URL"),
    Case(
      testDescription: "no database there", environment: ["DATABASE_URL": "postgresql://127.0.0.1:1/none"], code: 69,
      told: "127.0.0.1"),
    Case(
      testDescription: "no file there", environment: ["DATABASE_URL": "sqlite:///missing.db"], code: 78,
      told: "missing.db"),
    Case(
      testDescription: "a ledger that can't be made", environment: ["VECFILL_LEDGER": "/proc/none/vecfill.db"],
      code: 74,
      told: "/proc/none/vecfill.db"),
    Case(
      testDescription: "no key for OpenAI", environment: ["OPENAI_API_KEY": nil, "OPENAI_BASE_URL": nil], code: 78,
      told: "OPENAI_API_KEY"),
  ]

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `a column of another length names its model, and says that both are to be set`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(["one"])
      #expect(try await scene.fill().code == 0)
      let exit = try await scene.fill(["--model", "other", "--dimensions", "4"])
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("holds vectors of 8 dimensions [model=text-embedding-3-small"), "\(exit.errors)")
      #expect(
        exit.errors.contains("and the model that made them, or name a new column"),
        "\(exit.errors)")
    }
  }

  @Test(arguments: cases) func `it is refused`(_ refusal: Case) async throws {
    try await Scene.run(.postgres16) { scene in
      try await scene.database.insert(["a"])
      if let sql = refusal.sql { try await scene.database.run(sql) }
      if let (old, new) = refusal.spec { try scene.write(spec: scene.spec.replacingOccurrences(of: old, with: new)) }
      let exit = try await scene.fill(refusal.arguments, refusal.environment)
      #expect(exit.code == refusal.code, "\(exit.errors)")
      #expect(exit.errors.contains(refusal.told))
      if refusal.code != 64 { #expect(exit.errors.split(separator: "\n").count == 1, "\(exit.errors)") }
      #expect(!exit.errors.contains("sk-test"))
      #expect(scene.server.record.acceptedConnections == 0)
    }
  }

  @Test(arguments: [(401, Int32(77)), (403, Int32(77)), (404, Int32(78))])
  func `what the provider refuses for good ends the run with its own code`(status: Int, code: Int32) async throws {
    let response = EmbeddingsServer.Response.error(status, type: "invalid_request_error", code: "some_code")
    try await Scene.run(.sqlite, rules: [.always(.respond(response))]) { scene in
      try await scene.database.insert((0..<30).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == code, "\(exit.errors)")
      #expect(exit.errors.contains("status \(status)"))
      // A 403 is tried twice, by each of those in flight; then a harmless text is sent.
      #expect(scene.server.record.requests.count <= (status == 403 ? 2 * 4 + 1 : 4 + 1))
    }
  }

  @Test func `a provider that can't be reached ends the run when the outage allowed is over`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["a"])
      let exit = try await scene.fill(["--max-outage", "0"], ["OPENAI_BASE_URL": "http://127.0.0.1:1/v1"])
      #expect(exit.code == 69, "\(exit.errors)")
    }
  }

  @Test func `a resume with another model, preparation or database is refused with both fingerprints`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(1..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<30).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml", "--grace", "0"])
      try await scene.server.wait { $0.requests.count >= 3 }
      // An empty column would be free for any model.
      try await scene.poll("rows with a vector") { try await scene.database.count("embedding IS NOT NULL") > 0 }
      process.send(SIGTERM)
      #expect(await process.exit().code == 143)
      let requests = scene.server.record.requests.count
      for (key, old, new) in [("newlines", "space", "keep"), ("model", "text-embedding-3-small", "other")] {
        try scene.write(spec: scene.spec.replacingOccurrences(of: "\(key): \(old)", with: "\(key): \(new)"))
        let exit = try await scene.fill()
        #expect(exit.code == 78)
        #expect(exit.errors.contains("holds vectors of [\(key)=\(old)]"), "\(exit.errors)")
        #expect(exit.errors.contains("makes [\(key)=\(new)]"), "\(exit.errors)")
      }
      try scene.write(spec: scene.spec)
      let elsewhere = try TemporaryFolder()
      let other = try await ChatDatabase(.sqlite, in: elsewhere)
      let exit = try await scene.fill([], ["DATABASE_URL": other.url])
      #expect(exit.code == 78)
      #expect(exit.errors.contains("unfinished run"))
      withExtendedLifetime(elsewhere) {}
      #expect(scene.server.record.requests.count == requests)
      gate.open()
    }
  }
}
