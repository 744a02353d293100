import Backfill
import Foundation
import TestSupport
import Testing

/// Servers that differ from OpenAI's, that are partly broken or that have their own words for a refusal.
@Suite struct OddServerTests {
  struct Broken: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let behaviour: EmbeddingsServer.Behaviour

    init(_ name: String, _ behaviour: EmbeddingsServer.Behaviour) {
      testDescription = name
      self.behaviour = behaviour
    }
  }

  static let replicas = [
    Broken("500", .respond(.init(500, body: "EOF"))), Broken("a reset", .resetBeforeProcessing),
    Broken("503", .respond(.init(503))), Broken("403", .respond(.page(403))),
    Broken("vectors that are not finite", .distort(.notFinite)), Broken("400", .respond(.init(400, body: "no"))),
    Broken("200 in HTML", .distort(.notJSON)), Broken("200 without a body", .respond(.init(200))),
    Broken("200 with JSON that ends early", .respond(.init(200, body: #"{"object":"list","data":[{"object":"emb"#))),
    Broken("200 with too few vectors", .distort(.tooFew)),
    Broken("200 without any finite vector", .distort(.flawed(.notANumber) { _ in true })),
  ]

  @Test(arguments: replicas.flatMap { [($0, 1), ($0, 8)] } + [(replicas[0], 2), (replicas[4], 2)])
  func `a server of which every third connection fails puts no row into quarantine`(
    _ broken: Broken, _ side: Int
  ) async throws {
    for (rows, batch) in [(60, 1), (300, 10)] {
      try await Scene.run(.sqlite, rules: [.connections(every: 3, broken.behaviour)]) { scene in
        try scene.write(
          spec: scene.spec.replacing("concurrency: 4", with: "concurrency: \(side)")
            .replacing("batch_size: 10", with: "batch_size: \(batch)"))
        try await scene.database.insert((0..<rows).map { "message \($0)" })
        let exit = try await scene.fill()
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(try await scene.wrongRows() == [])
        #expect(try await scene.start(["quarantine", "list"]).exit().output == "no row is in quarantine\n")
        if side > 2 { #expect(scene.server.record.acceptedConnections >= 3, "the fault never happened") }
      }
    }
  }

  @Test func `a later run takes no vectors of another model than the column has, by the server's own names`()
    async throws
  {
    let rules: [EmbeddingsServer.Rule] = [
      .request(0, .distort(.model("one.gguf"))), .always(.distort(.model("two.gguf"))),
    ]
    try await Scene.run(.sqlite, rules: rules) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      #expect(try await scene.fill(["--max-requests", "1"]).code == 0)
      let filled = try await scene.database.vectors().count { $0.vector != nil }
      #expect(filled > 0 && filled < 60)
      let exit = try await scene.fill()
      #expect(exit.code == 78, "\(exit.errors)")
      // Of the earlier name the ledger keeps the digest alone.
      #expect(exit.errors.contains("two.gguf") && !exit.errors.contains("one.gguf"), "\(exit.errors)")
      #expect(try await scene.database.vectors().count { $0.vector != nil } == filled)
    }
  }

  @Test(arguments: [429, 500, 503], ["check", "search"])
  func `a command outside of a run asks again where one request fails`(_ status: Int, _ command: String) async throws {
    try await Scene.run(.sqlite, rules: [.request(0, .respond(.init(status)))]) { scene in
      let exit = try await scene.start(command == "check" ? ["check", "job.yaml"] : ["search", "words", "job.yaml"])
        .exit()
      #expect(exit.code == 0, "\(exit.errors) \(exit.output)")
      #expect(scene.server.record.requests.count > 1)
    }
  }

  @Test(arguments: [421, 423, 425, 460, 499, 408, 409])
  func `a status that passes is waited for`(_ status: Int) async throws {
    for rule in [EmbeddingsServer.Rule.request(0, .respond(.init(status))), .request(2, .respond(.init(status)))] {
      try await Scene.run(.sqlite, rules: [rule]) { scene in
        try await scene.database.insert((0..<60).map { "message \($0)" })
        let exit = try await scene.fill()
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(exit.errors.contains("status \(status)"), "\(exit.errors)")
        #expect(scene.server.record.requests.count == 7)
        #expect(scene.server.record.billedAgain == 0)
      }
    }
  }

  @Test(arguments: [429, 503, 500])
  func `an error in a reply of status 200 is judged by its code`(_ code: Int) async throws {
    try await Scene.run(.sqlite, rules: [.first(3, .respond(.errorInReply(code)))]) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("an error \(code) in a reply of status 200"), "\(exit.errors)")
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  static let sizes: [Broken] = [
    Broken("400 in unknown words", .respond(.init(400, body: #"{"error":{"message":"das ist zu viel"}}"#))),
    Broken("422 in unknown words", .respond(.init(422, body: #"{"detail":"nope"}"#))),
    Broken(
      "Voyage's words",
      .respond(
        .init(400, body: #"{"detail":"The max allowed tokens per submitted batch is 120000. Your batch has 150000"}"#))),
    Broken("413 in HTML", .respond(.page(413, "Request Entity Too Large"))),
  ]

  @Test(arguments: sizes, [true, false])
  func `a size that is refused is found once, in whatever words`(_ refusal: Broken, byTokens: Bool) async throws {
    let rule: EmbeddingsServer.Rule =
      byTokens ? .requests(tokens: 20, refusal.behaviour) : .requests(aboveInputs: 5, refusal.behaviour)
    try await Scene.run(.sqlite, rules: [rule]) { scene in
      try await scene.database.insert((100..<400).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      let refused = scene.server.record.requests.count { byTokens ? $0.tokens > 20 : $0.digests.count > 5 }
      // Of those that were sent side by side each may be refused once.
      #expect(1...12 ~= refused)
      print("figure: 300 rows, \(refusal.testDescription): \(refused) refused of \(scene.server.record.requests.count)")
    }
  }

  struct Habit: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let rule: EmbeddingsServer.Rule
    let told: String?

    init(_ name: String, _ rule: EmbeddingsServer.Rule, told: String? = nil) {
      testDescription = name
      self.rule = rule
      self.told = told
    }
  }

  static let habits = [
    Habit(
      "base64 is refused", .encodingFormat("base64", .respond(.base64Refused)), told: "refuses encoding_format base64"),
    Habit(
      "base64 is refused in unknown words", .encodingFormat("base64", .respond(.init(400, body: #"{"error":"no"}"#))),
      told: "refuses encoding_format base64"),
    Habit("the first index is left out", .always(.distort(.noFirstIndex))),
    Habit("no index at all", .always(.distort(.noIndex))),
    Habit("no model", .always(.distort(.noModel))),
    Habit("a file's name", .always(.distort(.model("bge-small-en-v1.5-q8_0.gguf")))),
    Habit("an alias", .always(.distort(.model("default@q8_0")))),
    Habit("numbers though base64 was asked for", .always(.distort(.floats))),
    Habit("no usage", .always(.distort(.usage(nil)))),
  ]

  // The engine is behind the requests: that a server's habit doesn't reach it is seen in one.
  @Test(
    arguments: habits.map { ($0, ChatDatabase.Engine.sqlite) } + [(habits[0], .postgres18), (habits[7], .postgres18)])
  func `what a server does otherwise is taken as it is`(_ habit: Habit, _ engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine, rules: [habit.rule]) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
      if let told = habit.told { #expect(exit.errors.components(separatedBy: told).count == 2, "\(exit.errors)") }
    }
  }

  @Test(arguments: [("one.gguf", "two.gguf"), ("one.gguf", "three@q8_0")])
  func `a model that changes midway is refused with both names`(_ first: String, _ second: String) async throws {
    let rules: [EmbeddingsServer.Rule] = [.first(4, .distort(.model(first))), .always(.distort(.model(second)))]
    try await Scene.run(.sqlite, rules: rules) { scene in
      try await scene.database.insert((0..<200).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains(first) && exit.errors.contains(second), "\(exit.errors)")
      #expect(exit.errors.split(separator: "\n").last?.contains("check the base URL") == true, "\(exit.errors)")
      #expect((10...40).contains(try await scene.rightRows().filled))
    }
  }

  struct Account: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let response: EmbeddingsServer.Response
    let code: Int32

    init(_ name: String, _ response: EmbeddingsServer.Response, code: Int32) {
      testDescription = name
      self.response = response
      self.code = code
    }
  }

  static let accounts = [
    Account(
      "LiteLLM's budget, 400",
      .error(400, type: "budget_exceeded", code: "400", message: "Budget has been exceeded! Current cost: 2, Max: 1"),
      code: 82),
    Account(
      "LiteLLM's budget, 429", .error(429, type: "budget_exceeded", code: "429", message: "ExceededBudget: over"),
      code: 82),
    Account("402", .init(402, body: "Payment required"), code: 82),
    Account(
      "OpenRouter's credit, in a 200", .errorInReply(402, "Insufficient credits. Add more."), code: 82),
    Account(
      "Gemini's key, 400",
      .init(
        400,
        body:
          #"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}]"#
      ), code: 77),
    Account("a key, 422", .init(422, body: #"{"detail":"Invalid API key"}"#), code: 77),
    Account("a key, 403", .init(403, body: #"{"error":"missing api key"}"#), code: 77),
  ]

  @Test(arguments: accounts, [0, 3])
  func `credit and credentials are told as such in whatever status`(_ account: Account, after answers: Int) async throws
  {
    try await Scene.run(.sqlite, rules: [.requests(answers..<100_000, .respond(account.response))]) { scene in
      try await scene.database.insert((0..<100).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == account.code, "\(exit.errors)")
      #expect(scene.server.record.requests.count <= answers + 8)
    }
  }
}
