import Backfill
import Foundation
import TestSupport
import Testing

/// What a run takes of memory at most, whatever comes from outside: less than 512 MB (P8) with 2,048 texts a request, 3,072
/// dimensions and eight requests side by side.
///
/// A debug build takes minutes for that, so `scripts/chaos memory` does it with a release build. Otherwise all vectors are an
/// eighth as long, the bound is 256 MB (replies wait where a debug build is slow to write), and not every kind of endless reply is tried.
@Suite(.serialized) struct MemoryTests {
  private static let isFull = ProcessInfo.processInfo.environment["VECFILL_CHAOS"] == "memory"
  private static let dimensions = isFull ? 3_072 : 384
  private static let bound = isFull ? 512 : 256

  struct Endless: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let behaviour: EmbeddingsServer.Behaviour

    init(_ name: String, status: Int = 200, _ beginning: String, _ rest: String) {
      testDescription = name
      behaviour = .endless(status: status, beginning: beginning, rest: rest)
    }
  }

  private static let item = #"{"embedding":"\#(vector(dimensions, "base64"))"},"#

  private static let everyEndless = [
    Endless("vectors without end", #"{"data":["#, item),
    Endless("a vector without end", #"{"data":[{"embedding":["#, "0.12345678,"),
    Endless("base64 without end", #"{"data":[{"embedding":""#, "AAAAPwAA"),
    Endless("a word beside the data", #"{"data":[],"padding":""#, "xxxxxxxx"),
    Endless("members beside the data", #"{"#, #""some":{"thing":[1,2,3]},"#),
    Endless("white space", "{", "\n        "),
    Endless("no JSON", "<html>", "<p>It works!</p>"),
    Endless("an error page", status: 500, "<html>", "<p>It doesn't work!</p>"),
    Endless("an error", status: 400, #"{"error":{"message":""#, "no "),
  ]

  static let endless = everyEndless.enumerated().filter { isFull || [0, 1, 3, 7].contains($0.offset) }.map(\.element)

  @Test(arguments: endless)
  func `replies without end, eight side by side to 2,048 texts each`(_ endless: Endless) async throws {
    let gate = EmbeddingsServer.Gate()
    let rule = EmbeddingsServer.Rule.requests(1..<100_000, .hold(gate, then: endless.behaviour))
    try await Self.run(.sqlite, rules: [rule]) { scene in
      let vecfill = try scene.start(["run", "job.yaml"])
      async let ended = vecfill.exitAndMemory()
      try await scene.poll("eight side by side") { scene.server.record.inFlight >= 8 || !vecfill.isRunning }
      gate.open()
      try await scene.poll("eight replies without end") { scene.server.record.departures >= 8 || !vecfill.isRunning }
      vecfill.send(SIGKILL)
      let (exit, megabytes) = await ended
      print("figure: \(endless.testDescription): \(megabytes) MB")
      #expect(exit.signal == SIGKILL, "\(exit.errors)")
      #expect(scene.server.record.peakInFlight == 8 && scene.server.record.departures >= 8, "the fault never happened")
      #expect(megabytes < Self.bound)
    }
  }

  @Test(arguments: [
    ("base64", ChatDatabase.Engine.sqlite), ("numbers", .postgres18), ("numbers on lines of their own", .sqlite),
  ])
  func `right replies to 2,048 texts, eight side by side, are all taken`(
    _ form: String, _ engine: ChatDatabase.Engine
  ) async throws {
    try await Self.run(engine, form: form) { scene in
      let (exit, megabytes) = try await scene.start(["run", "job.yaml", "--fail-on", "quarantined"]).exitAndMemory()
      print("figure: \(form), \(engine): \(megabytes) MB")
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(!exit.errors.contains("longer than any reply"), "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL") == 0)
      #expect(megabytes < Self.bound)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.sqlite, .postgres18])
  func `a text of 250 MB is quarantined as too long without being read, until it is mended`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...30).map { "message \($0)" })
      if engine != .sqlite {
        try await scene.database.run("ALTER TABLE chat_messages ALTER content SET STORAGE EXTERNAL")
      }
      let long = engine == .sqlite ? "hex(zeroblob(125000000))" : "repeat('message ', 31250000)"
      try await scene.database.run("UPDATE chat_messages SET content = \(long) WHERE id = 7")
      for round in 1...2 {
        let (exit, megabytes) = try await scene.start(["run", "job.yaml", "--fail-on", "quarantined"]).exitAndMemory()
        print("figure: a text of 250 MB in \(engine), run \(round): \(megabytes) MB")
        #expect(exit.code == 83, "\(exit.errors)")
        #expect(exit.output.contains("quarantined          1\n"), "\(exit.output)")
        #expect(megabytes < 128)
      }
      #expect(try await scene.database.count("embedding IS NULL") == 1)
      #expect(scene.server.record.requests.count == 3)
      let list = try await scene.start(["quarantine", "list"]).exit().output
      #expect(list.contains("chat_messages 7  too long for the model: the text has more than 8 MiB"), "\(list)")
      let (estimate, megabytes) = try await scene.start(["estimate", "job.yaml"]).exitAndMemory()
      #expect(estimate.code == 0 && megabytes < 128, "\(megabytes) MB, \(estimate.errors)")

      try await scene.database.run("UPDATE chat_messages SET content = 'mended' WHERE id = 7")
      let mended = try await scene.fill()
      #expect(mended.code == 0, "\(mended.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  /// A job of 2,048 texts a request and eight requests side by side. The server answers quickly: vectors that differ in one value.
  private static func run(
    _ engine: ChatDatabase.Engine, form: String = "base64", rules: [EmbeddingsServer.Rule] = [],
    _ body: (Scene) async throws -> Void
  ) async throws {
    let open = form == "base64" ? "\"" : "["
    let close = form == "base64" ? "\"" : "]"
    let rest = Data("\(vector(dimensions - 3, form))\(close)}".utf8)
    let answer = EmbeddingsServer.Rule.always(
      .respondTo { texts in
        var response = EmbeddingsServer.Response(200, headers: [("Content-Type", "application/json")])
        response.body = Data(#"{"model":"text-embedding-3-large","data":["#.utf8)
        for (index, text) in texts.enumerated() {
          if index > 0 { response.body.append(UInt8(ascii: ",")) }
          response.body.append(Data(#"{"object":"embedding","embedding":\#(open)\#(beginning(text, form))"#.utf8))
          response.body.append(rest)
        }
        response.body.append(Data(#"],"usage":{"prompt_tokens":\#(2 * texts.count)}}"#.utf8))
        return response
      })
    try await Scene.run(engine, rules: rules + [answer]) { scene in
      try await scene.database.run(
        "ALTER TABLE chat_messages DROP COLUMN embedding; ALTER TABLE chat_messages ADD embedding VECTOR(\(dimensions))"
      )
      try scene.write(
        spec: """
          sources:
            - table: chat_messages
          model: text-embedding-3-large
          dimensions: \(dimensions)
          batch_size: 2048
          concurrency: 8
          limits:
            requests_per_minute: 1000000
            tokens_per_minute: 1000000000
          """)
      try await scene.database.insert((0..<9 * 2_048).map { "message \($0)" })
      try await body(scene)
    }
  }

  /// The first three values of the vector of "message 7", say.
  private static func beginning(_ text: String, _ form: String) -> String {
    let number = UInt32(text.dropFirst("message ".count)) ?? 0
    guard form == "base64" else { return "0.\(1_000_000 + number),\(vector(2, form))," }
    let first = withUnsafeBytes(of: (0x3F00_0000 + number).littleEndian) { [UInt8]($0) }
    return Data(first + [0, 0, 0, 0x3F, 0, 0, 0, 0x3F]).base64EncodedString()
  }

  private static func vector(_ count: Int, _ form: String) -> String {
    switch form {
    case "base64": Data((0..<count).flatMap { _ in [0, 0, 0, 0x3F] as [UInt8] }).base64EncodedString()
    case "numbers": (0..<count).map { "0.0\(10_000_000 + $0 * 977)" }.joined(separator: ",")
    default: (0..<count).map { "\n        -0.0\(10_000_000_000_000_000 + $0 * 977)" }.joined(separator: ",")
    }
  }
}
