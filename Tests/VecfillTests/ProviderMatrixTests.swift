import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// Each class of failure on each occasion, with the real process: what it does, how it ends, which rows are right, what
/// was billed twice.
@Suite struct ProviderMatrixTests {
  enum Occasion: String, CaseIterable {
    case single, concurrent, midRun, repeated

    /// The rows of the table; ten make a request.
    var rows: Int { self == .single ? 10 : self == .concurrent ? 40 : 120 }

    var requests: Range<Int> {
      switch self {
      case .single: 0..<1
      case .concurrent: 0..<4
      case .midRun: 5..<6
      case .repeated: 3..<1_000_000
      }
    }
  }

  struct Fault: CustomTestStringConvertible {
    let testDescription: String
    let kind: EmbeddingFailure.Kind
    let behaviour: EmbeddingsServer.Behaviour
    /// Whether the inputs are billed though no vectors come of them.
    var isBilled = false

    init(
      _ name: String, _ kind: EmbeddingFailure.Kind, _ behaviour: EmbeddingsServer.Behaviour, isBilled: Bool = false
    ) {
      testDescription = name
      self.kind = kind
      self.behaviour = behaviour
      self.isBilled = isBilled
    }

    init(_ kind: EmbeddingFailure.Kind, _ status: Int, _ type: String, _ code: String? = nil, _ message: String = "no")
    {
      self.init(
        "\(status) \(code ?? type)", kind, .respond(.error(status, type: type, code: code, message: message)))
    }
  }

  static let faults: [Fault] = [
    Fault(.transient, 500, "server_error"),
    Fault(.transient, 503, "service_unavailable_error", "server_is_overloaded"),
    Fault("502 in HTML", .transient, .respond(.init(502, headers: [("Content-Type", "text/html")], body: "<html>"))),
    Fault("a reset before", .transient, .resetBeforeProcessing),
    Fault("a reset after", .transient, .resetAfterProcessing, isBilled: true),
    Fault("a cut body", .transient, .truncate(bodyBytes: 40), isBilled: true),
    Fault("a hang", .timedOut, .hang),
    Fault("a body that stalls", .timedOut, .stall(bodyBytes: 40), isBilled: true),
    Fault(
      "a date to wait for, from a clock that is two hours ahead", .rateLimited,
      .respondTo { _ in .retryAfter(date: 1, clockOff: 7_200) }),
    Fault(
      "a date to wait for, from a clock that is two hours behind", .rateLimited,
      .respondTo { _ in .retryAfter(date: 1, clockOff: -7_200) }),
    Fault(.rateLimited, 429, "requests", "rate_limit_exceeded", "Please try again in 120ms."),
    Fault(.rateLimited, 429, "rate_limit_error", "slow_down"),
    Fault(.quotaExhausted, 429, "insufficient_quota", "credit_balance_exhausted"),
    Fault(.denied, 401, "invalid_request_error", "invalid_api_key"),
    Fault(.forbidden, 403, "invalid_request_error"),
    Fault(.unrecognized, 451, "proxy_error"),
    Fault(.misconfigured, 404, "invalid_request_error", "model_not_found"),
    Fault(.tooLarge, 400, "max_tokens_per_request", "max_tokens_per_request"),
    Fault(.badInput, 400, "invalid_request_error", nil, "Invalid 'input': maximum input length is 8192 tokens."),
    Fault(.badInput, 500, "server_error", nil, "input is too large to process"),
    Fault("too few vectors", .brokenReply, .distort(.tooFew), isBilled: true),
    Fault("another dimension", .brokenReply, .distort(.dimensions(4)), isBilled: true),
    Fault("values that are NaN", .brokenReply, .distort(.flawed(.notANumber) { _ in true }), isBilled: true),
    Fault("a null vector", .brokenReply, .distort(.nullVector), isBilled: true),
    Fault("no JSON", .brokenReply, .distort(.notJSON), isBilled: true),
  ]

  @Test func `every kind that a provider can cause is in the matrix`() {
    // Unreachable is in a test of its own below; cancelled is what a stop causes, and in `StopTests`.
    let caused = Set(EmbeddingFailure.Kind.allCases).subtracting([.cancelled, .unreachable])
    #expect(Set(Self.faults.map(\.kind)) == caused)
  }

  @Test(arguments: faults, Occasion.allCases)
  func `a failure does what its class says`(_ fault: Fault, _ occasion: Occasion) async throws {
    try await Scene.run(.sqlite, rules: [.requests(occasion.requests, fault.behaviour)]) { scene in
      try await scene.database.insert((0..<occasion.rows).map { "message \($0)" })
      let isSlow = ["a hang", "a body that stalls"].contains(fault.testDescription)
      let outage = occasion == .repeated ? "1" : "60"
      let exit = try await scene.fill(["--max-outage", outage], isSlow ? ["VECFILL_TIMEOUT": "1"] : [:])
      #expect(exit.code == Self.code(fault, occasion), "\(exit.errors)")
      let record = scene.server.record
      #expect(record.requests.count > occasion.requests.lowerBound)

      let right = try await scene.rightRows()
      #expect(right.wrong == [])
      if exit.code == 0 { #expect(right.filled == occasion.rows) }
      #expect(right.filled + right.missing == occasion.rows)

      let lost = try await scene.possiblyPaidInputs()
      if exit.code == 0 {
        // A harmless text that the endpoint was asked for may be among the faulty requests.
        let faulty = record.requests.enumerated().filter { occasion.requests.contains($0.offset) }
        let texts = faulty.reduce(0) { $0 + $1.element.digests.count { $0 != TextDigest(of: "vecfill") } }
        #expect(texts > 0)
        #expect(record.billedAgain == (fault.isBilled ? texts : 0))
      }
      if fault.isBilled { #expect(lost >= record.billedAgain) } else { #expect(record.billedAgain == 0) }
      if fault.kind.failureClass.reaction == .stop {
        // Those that were in flight, and what was sent before the refusal was read.
        #expect(record.requests.count <= occasion.requests.lowerBound + 8)
      }
      #expect(!exit.errors.contains("message 1"))
      if exit.code != 0 || fault.kind.failureClass.reaction == .hold {
        #expect(exit.errors.contains("127.0.0.1:\(scene.server.port): "), "\(exit.errors)")
      }
    }
  }

  // Where several requests at once are refused before any answer, those are all tries there are: the run ends with 78.
  @Test(arguments: [Occasion.single, .midRun, .repeated])
  func `a provider that can't be reached is waited for, and not longer than is allowed`(_ occasion: Occasion)
    async throws
  {
    let gate = EmbeddingsServer.Gate()
    let last = occasion.requests.lowerBound
    try await Scene.run(.sqlite, rules: [.request(last, .hold(gate, then: .resetBeforeProcessing))]) { scene in
      try await scene.database.insert((0..<occasion.rows).map { "message \($0)" })
      if last == 0 {
        scene.server.leave()
        gate.open()
      }
      let process = try scene.start(["run", "job.yaml", "--max-outage", occasion == .repeated ? "1" : "60"])
      if last > 0 {
        try await scene.server.wait { $0.requests.count > last }
        // Before its first answer it would be no outage.
        try await scene.wait { $0.totals.requests > 0 }
        scene.server.leave()
        gate.open()
      }
      if occasion != .repeated {
        try await scene.poll("a refused connection") { process.errors.contains("connection refused") }
        try scene.server.comeBack()
      }
      let exit = await process.exit()
      #expect(exit.code == (occasion == .repeated ? 69 : 0), "\(exit.errors)")
      #expect(exit.errors.contains("127.0.0.1:\(scene.server.port): "))
      let right = try await scene.rightRows()
      #expect(right.wrong == [])
      if exit.code == 0 { #expect(right.filled == occasion.rows) }
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test func `a server that speaks no TLS is not spoken to without it`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["message"])
      let root = "https://127.0.0.1:\(scene.server.port)/v1"
      let exit = try await scene.fill(["--max-outage", "1"], ["OPENAI_BASE_URL": root])
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("doesn't speak TLS"))
      #expect(scene.server.record.acceptedConnections > 0)
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  @Test func `credit that runs out midway ends the run, and when it is restored nothing is paid twice`() async throws {
    var options = EmbeddingsServer.Options()
    options.creditTokens = 10 * 7 * 3
    try await Scene.run(.sqlite, options) { scene in
      try await scene.database.insert((100..<200).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 82, "\(exit.errors)")
      #expect(exit.errors.contains("credit_balance_exhausted"))
      let filled = try await scene.rightRows().filled
      #expect((10...90).contains(filled))
      #expect(scene.server.record.billed.count == filled)
      // One of those that were refused is sent once more.
      #expect(scene.server.record.requests.count <= 13)
      scene.server.grant(tokens: 1_000_000)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  static func code(_ fault: Fault, _ occasion: Occasion) -> Int32 {
    switch fault.kind.failureClass.reaction {
    // After an answer it is asked once more.
    case .stop: occasion == .midRun ? 0 : fault.kind.failureClass.exitCode.rawValue
    case .retry, .hold, .probe, .split, .isolate:
      occasion == .repeated ? fault.kind.failureClass.exitCode.rawValue : 0
    }
  }

  @Test func `half of the replies are lost after they were billed, and the ledger counts what was billed twice`()
    async throws
  {
    try await Scene.run(.sqlite, rules: [.requests(stride(from: 1, to: 10_000, by: 2), .resetAfterProcessing)]) {
      scene in
      try await scene.database.insert((0..<400).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      let again = scene.server.record.billedAgain
      #expect(again >= 300)
      let harmless = scene.server.record.billed[TextDigest(of: "vecfill")] ?? 0
      let lost = try await scene.possiblyPaidInputs()
      #expect((again...again + harmless).contains(lost))
      print("figure: 400 inputs, half of the replies lost: \(again) billed again, by the ledger \(lost)")
    }
  }

  @Test(arguments: [(3_000, 1), (2_000, 100)])
  func `poison is isolated within its bound and all the other rows are filled`(rows: Int, poison: Int) async throws {
    let every = rows / poison
    try await Scene.run(.sqlite, rules: [.poison { $0.hasPrefix("poison") }]) { scene in
      try scene.write(spec: scene.spec.replacingOccurrences(of: "batch_size: 10", with: "batch_size: 100"))
      try await scene.database.insert((0..<rows).map { $0 % every == every / 2 ? "poison \($0)" : "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL") == poison)
      #expect(scene.server.record.billedAgain == 0)
      let extra = scene.server.record.requests.count - rows / 100
      // Two requests a halving, ceil(log2(100)) = 7 halvings, and a harmless text where nothing else is left to ask.
      #expect(extra <= poison * 14 + poison / 3 + 1)
      print("figure: \(poison) poison rows in \(rows): \(extra) extra requests, the bound is \(poison * 14)")

      let list = try await scene.start(["quarantine", "list", "--json"]).exit()
      let listed = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
      #expect(listed?.count == poison)
      #expect(!list.output.contains("poison"))
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill(["--max-quarantined", "\(poison)"]).code == 0)
      #expect(scene.server.record.requests.count == requests)
      let key = try #require(listed?.first?["key"] as? String)
      #expect(try await scene.start(["quarantine", "retry", key, "--source", "chat_messages"]).exit().code == 0)
      #expect(try await scene.fill().code == 83)
      #expect(scene.server.record.requests.count > requests)
      #expect(
        try await scene.start(["quarantine", "drop", "chat_messages"]).exit().output
          == "\(poison) \(poison == 1 ? "row is" : "rows are") forgotten\n"
      )
    }
  }
}

extension Scene {
  /// How many rows have their own text's vector, which have another's, and how many have none.
  func rightRows() async throws -> (filled: Int, missing: Int, wrong: [String]) {
    let rows = try await database.vectors()
    let missing = rows.count { $0.vector == nil }
    let wrong = try await wrongRows()
    return (rows.count - missing, missing, rows.filter { $0.vector != nil }.map(\.text).filter(Set(wrong).contains))
  }

  /// The inputs of requests that may have been billed though no reply came of them, by the ledger.
  func possiblyPaidInputs() async throws -> Int {
    try await Ledger.openForReading(at: ledgerPath)?.expenses(by: .run).reduce(0) { $0 + $1.possiblyPaidInputs } ?? 0
  }
}
