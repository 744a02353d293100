import Backfill
import Foundation
import Ledger
import TestSupport
import Testing
import Tokenizer

/// Long texts for a model whose tokenizer isn't here, with the real process: the server's makes a token of each byte, the
/// most that any does, and refuses what is too long.
@Suite struct ByteCutTests {
  static let most = 100
  static let texts = (0..<40).map { number in
    let words = ["some words ", "ein paar Wörter, ", "несколько слов ", "是的，我明白。", "🦊🦔 ok "][number % 5]
    return "\(number) " + String(repeating: words, count: number % 4 == 0 ? 18 : 2)
  }

  static func catalogue(_ more: String = "max_input_tokens: \(most)") -> String {
    """
    models:
      - id: a-model-of-our-own
        provider: openai
        dimensions: 8
        \(more)
    """
  }

  static func run(_ rule: String, prefix: String = "", _ body: (Scene) async throws -> Void) async throws {
    var options = EmbeddingsServer.Options()
    options.model = "a-model-of-our-own"
    options.tokens = { $0.utf8.count }
    options.maxInputTokens = most
    try await Scene.run(.sqlite, options) { scene in
      try scene.write(
        spec: scene.spec.replacing("text-embedding-3-small", with: options.model)
          + "\ntoo_long: \(rule)\nprefix: \"\(prefix)\"\n")
      try write(catalogue(), scene)
      try await scene.database.insert(texts)
      try await body(scene)
    }
  }

  static func write(_ catalogue: String, _ scene: Scene) throws {
    try Data(catalogue.utf8).write(to: URL(fileURLWithPath: scene.folder.file("models.yaml")))
  }

  @Test(arguments: ["truncate", "average"], ["", "search_document: "])
  func `every row is filled, and its vector is that of its first part, or of all of them`(
    rule: String, prefix: String
  ) async throws {
    try await Self.run(rule, prefix: prefix) { scene in
      let exit = try await scene.fill(["--models", "models.yaml"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("too_long: \(rule): texts of more than 84 bytes are "), "\(exit.errors)")
      #expect(exit.output.contains("too long: \(rule)"), "\(exit.output)")
      var long = 0
      var sent: Set<TextDigest> = []
      for row in try await scene.database.vectors() {
        let parts = SafeCut(mostTokens: Self.most).parts(of: row.text, behind: prefix)
        let used = rule == "truncate" ? Array(parts.prefix(1)) : parts
        if parts.count > 1 { long += 1 }
        var right = [Float](repeating: 0, count: 8)
        for part in used {
          sent.insert(TextDigest(of: prefix + part))
          for (place, value) in EmbeddingsServer.vector(for: prefix + part, dimensions: 8).enumerated() {
            right[place] += Float(part.utf8.count) * value
          }
        }
        let length = right.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let vector = try #require(row.vector)
        #expect(zip(vector, right).allSatisfy { abs($0 - $1 / length) < 1e-5 }, "\(row.text)")
      }
      #expect(long >= 10)
      #expect(Set(scene.server.record.billed.keys).subtracting([TextDigest(of: "vecfill")]) == sent)
      #expect(try await scene.status()?.tally.fitted == long)
    }
  }

  @Test(arguments: ["truncate", "average"])
  func `a column that was cut at other bytes, or at tokens, is refused with both shown`(rule: String) async throws {
    try await Self.run(rule) { scene in
      #expect(try await scene.fill(["--models", "models.yaml"]).code == 0)
      try await scene.database.insert(["one more"])
      let requests = scene.server.record.requests.count
      for (entry, told) in [
        ("max_input_tokens: 120", "too_long_at=104_bytes"),
        ("max_input_tokens: 100\n    max_tokens_per_byte: 0.5", "too_long_at=168_bytes"),
        ("max_input_tokens: 100\n    tokenizer: cl100k_base", "no too_long_at]"),
      ] {
        try Self.write(Self.catalogue(entry), scene)
        let exit = try await scene.fill(
          ["--models", "models.yaml"], ["VECFILL_DATA_DIR": EstimateCommandTests.folder])
        #expect(exit.code == 78)
        #expect(exit.errors.contains(told) && exit.errors.contains("too_long_at=84_bytes"), "\(exit.errors)")
      }
      #expect(scene.server.record.requests.count == requests)
      try Self.write(Self.catalogue(), scene)
      #expect(try await scene.fill(["--models", "models.yaml"]).code == 0)
    }
  }

  @Test(arguments: ["truncate", "average"])
  func `what was refused as too long is filled once the job cuts it`(rule: String) async throws {
    try await Self.run("quarantine") { scene in
      #expect(try await scene.fill(["--models", "models.yaml"]).code == 83)
      let spec = try String(contentsOfFile: scene.folder.file("job.yaml"), encoding: .utf8)
      try scene.write(spec: spec.replacing("too_long: quarantine", with: "too_long: \(rule)"))
      let exit = try await scene.fill(["--models", "models.yaml"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.vectors().allSatisfy { $0.vector != nil })
    }
  }

  @Test func `check and estimate say how long texts are cut`() async throws {
    try await Self.run("average") { scene in
      let (told, exit) = try await scene.check(["--models", "models.yaml", "--offline"])
      #expect(exit.code == 0, "\(exit.output)")
      #expect(told.mark("too_long") == "ok" && told.lines("too_long").first?.found.contains("84 bytes") == true)
      let estimate = try await scene.start(["estimate", "job.yaml", "--models", "models.yaml"]).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
      #expect(
        estimate.output.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains(
          "texts above 84 bytes are cut, as too_long says"), "\(estimate.output)")
      #expect(!estimate.errors.contains("doesn't know how many tokens"))
      // Without a limit nothing can be cut.
      try Self.write(Self.catalogue("max_inputs: 10"), scene)
      let unknown = try await scene.check(["--models", "models.yaml", "--offline"])
      #expect(unknown.exit.code == 78 && unknown.told.mark("too_long") == "failed", "\(unknown.told.checks)")
    }
  }

  @Test(arguments: [["run", "job.yaml"], ["estimate", "job.yaml"], ["run", "job.yaml", "--dry-run"]])
  func `where the model's limit is unknown, that is said once`(arguments: [String]) async throws {
    try await Self.run("quarantine") { scene in
      let warning = "the catalogue doesn't know how many tokens a-model-of-our-own takes"
      for (entry, count) in [("max_inputs: 10", 1), ("max_input_tokens: 2000", 0)] {
        try Self.write(Self.catalogue(entry), scene)
        let exit = try await scene.start(arguments + ["--models", "models.yaml"]).exit()
        #expect([0, 83].contains(exit.code), "\(exit.errors)")
        #expect(exit.errors.components(separatedBy: warning).count - 1 == count, "\(exit.errors)")
      }
      try scene.write(spec: "sources: [{table: standalone_chat_messages}]\nprovider: demo\ndimensions: 8\n")
      #expect(!(try await scene.start(arguments).exit()).errors.contains("doesn't know how many tokens"))
    }
  }
}
