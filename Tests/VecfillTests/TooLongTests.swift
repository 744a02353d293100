import Backfill
import Foundation
import Ledger
import TestSupport
import Testing
import Tokenizer

/// Texts with more tokens than the model takes, with the real process and the model's own tokenizer at the server.
@Suite struct TooLongTests {
  static let vocabulary = EstimateCommandTests.vocabulary
  static let most = 50
  static let texts =
    (0..<40).map { number in
      let words = (0..<(number % 4 == 0 ? 90 : 9)).map { "word \(number * 100 + $0)" }
      return words.joined(separator: number % 3 == 0 ? "\n" : " ")
    }

  /// Runs `body` in a scene whose server and catalogue know the model's limit, and returns what it returns.
  static func run(_ rule: String, _ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
    let tokenizer = try #require(vocabulary)
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    options.maxInputTokens = most
    try await Scene.run(.sqlite, options) { scene in
      try scene.write(spec: scene.spec + "\ntoo_long: \(rule)\n")
      let catalogue = """
        models:
          - id: text-embedding-3-small
            provider: openai
            max_input_tokens: \(most)
            dimensions: 8
        """
      try Data(catalogue.utf8).write(to: URL(fileURLWithPath: scene.folder.file("models.yaml")))
      try await scene.database.insert(texts)
      try await body(scene)
    }
  }

  static func fill(_ scene: Scene, _ arguments: [String] = []) async throws -> VecfillProcess.Exit {
    try await scene.fill(["--models", "models.yaml"] + arguments, ["VECFILL_DATA_DIR": EstimateCommandTests.folder])
  }

  /// Each text as it is sent, apart from its line feeds.
  static func input(_ text: String) -> String { text.replacingOccurrences(of: "\n", with: " ") }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"))
  func `quarantine: what is too long is never sent, and the rows around are filled`() async throws {
    try await Self.run("quarantine") { scene in
      let exit = try await Self.fill(scene)
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.rightRows().filled == 30)
      #expect(try await scene.rightRows().wrong == [])
      let record = scene.server.record
      #expect(record.requests.count == 3)
      #expect(record.billed.count == 30)
      #expect(Set(record.requests.flatMap(\.digests)) == Set(record.billed.keys))
      let list = try await scene.start(["quarantine", "list"]).exit()
      #expect(list.output.components(separatedBy: "too long for the model: the text has more than ").count == 11)
      #expect(try await Self.fill(scene, ["--max-quarantined", "10"]).code == 0)
      #expect(scene.server.record.requests.count == 3)
    }
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"))
  func `truncate: the row gets the vector of its first tokens, and the summary says how many did`() async throws {
    let tokenizer = try #require(Self.vocabulary)
    try await Self.run("truncate") { scene in
      let exit = try await Self.fill(scene)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("too long: truncate"))
      #expect(exit.output.contains("10 rows"))
      for row in try await scene.database.vectors() {
        let input = Self.input(row.text)
        let sent = tokenizer.parts(of: input, limit: Self.most)[0]
        #expect(sent.tokens == min(Self.most, tokenizer.count(input)))
        let right = EmbeddingsServer.vector(for: sent.text, dimensions: 8)
        let vector = try #require(row.vector)
        #expect(zip(vector, right).allSatisfy { abs($0 - $1) < 1e-5 })
      }
      #expect(scene.server.record.requests.count == scene.server.record.billed.count / 10)
      let billed = scene.server.record.billedTokens
      #expect(try await scene.status()?.totals.billedTokens == billed)
      #expect(try await scene.status()?.tally.estimatedTokens == billed)
    }
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"))
  func `average: the row gets the joined vector of all its parts`() async throws {
    let tokenizer = try #require(Self.vocabulary)
    try await Self.run("average") { scene in
      let exit = try await Self.fill(scene)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("too long: average"))
      var parts = 0
      for row in try await scene.database.vectors() {
        let sent = tokenizer.parts(of: Self.input(row.text), limit: Self.most)
        parts += sent.count
        var right = [Float](repeating: 0, count: 8)
        for part in sent {
          for (place, value) in EmbeddingsServer.vector(for: part.text, dimensions: 8).enumerated() {
            right[place] += Float(part.tokens) * value
          }
        }
        let length = right.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let vector = try #require(row.vector)
        #expect(zip(vector, right).allSatisfy { abs($0 - $1 / length) < 1e-5 })
      }
      #expect(scene.server.record.billed.values.reduce(0, +) == parts)
      #expect(parts > 60)
    }
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"))
  func `average with a prefix: each part has it, within what the model takes`() async throws {
    let tokenizer = try #require(Self.vocabulary)
    let prefix = "search_document: "
    try await Self.run("average") { scene in
      let spec = try String(contentsOfFile: scene.folder.file("job.yaml"), encoding: .utf8)
      try scene.write(spec: spec + "prefix: \"\(prefix)\"\n")
      let exit = try await Self.fill(scene)
      #expect(exit.code == 0, "\(exit.errors)")
      var sent: Set<TextDigest> = []
      for row in try await scene.database.vectors() {
        let input = Self.input(row.text)
        var room = Self.most - tokenizer.count(prefix)
        var parts = tokenizer.count(prefix + input) > Self.most ? tokenizer.parts(of: input, limit: room) : [(input, 1)]
        while let most = parts.map({ tokenizer.count(prefix + $0.text) }).max(), most > Self.most {
          room -= most - Self.most
          parts = tokenizer.parts(of: input, limit: room)
        }
        var right = [Float](repeating: 0, count: 8)
        for part in parts {
          sent.insert(TextDigest(of: prefix + part.text))
          for (place, value) in EmbeddingsServer.vector(for: prefix + part.text, dimensions: 8).enumerated() {
            right[place] += Float(part.tokens) * value
          }
        }
        let length = right.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let vector = try #require(row.vector)
        #expect(zip(vector, right).allSatisfy { abs($0 - $1 / length) < 1e-5 })
      }
      #expect(Set(scene.server.record.billed.keys) == sent && sent.count > 60)
      // As many tokens as were counted are billed: those of the prefix in each part too.
      #expect(try await scene.status()?.tally.estimatedTokens == scene.server.record.billedTokens)
    }
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"))
  func `the rule is part of what a column is made of`() async throws {
    try await Self.run("truncate") { scene in
      #expect(try await Self.fill(scene).code == 0)
      try scene.write(spec: scene.spec + "\ntoo_long: average\n")
      let exit = try await Self.fill(scene)
      #expect(exit.code == 78)
      #expect(exit.errors.contains("too_long=truncate") && exit.errors.contains("too_long=average"))
    }
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"), arguments: ["truncate", "average"])
  func `without the model's tokenizer nothing is cut at a guess`(rule: String) async throws {
    try await Self.run(rule) { scene in
      let exit = try await scene.fill(["--models", "models.yaml"])
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("vecfill tokenizer install"))
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  /// What mail, logs and tables are full of, and what the estimate takes for far more tokens than it is.
  static let rules = ["-", "=", "*", "_", "#", "."].map { String(repeating: $0, count: 72) }

  /// Mail with as many such rules as it takes for the estimate, at its lowest, to be more than the model takes.
  static func mail(_ rule: String) -> String {
    var lines: [String] = []
    repeat {
      lines += (0..<20).map { "> \(rule)\n> see below \($0)" }
    } while Double(TokenEstimator().estimate(lines.joined(separator: "\n"))) * TokenEstimator.errorBand.lowerBound
      <= 8192
    return lines.joined(separator: "\n")
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"), arguments: rules)
  func `without the vocabulary a text that only seems to be too long is sent, and filled`(
    rule: String
  ) async throws {
    let tokenizer = try #require(Self.vocabulary)
    let text = Self.mail(rule)
    let count = tokenizer.count(text)
    #expect((1000...8192).contains(count), "\(count)")
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    try await Scene.run(.sqlite, options) { scene in
      try await scene.database.insert(["before", text, "after"])
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.rightRows().filled == 3)
    }
  }

  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"))
  func `without the vocabulary what is proven to be too long is not sent, and of the rest the provider decides`()
    async throws
  {
    let tokenizer = try #require(Self.vocabulary)
    let proven = [String(repeating: "a ", count: 9000), String(repeating: "-", count: 128 * 8192 + 1)]
    let doubtful = String(repeating: "слово,", count: 4000)
    #expect(tokenizer.count(doubtful) > 8192)
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    try await Scene.run(.sqlite, options) { scene in
      try await scene.database.insert(["before", doubtful, "after"] + proven)
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.rightRows().filled == 2)
      let sent = Set(scene.server.record.requests.flatMap(\.digests))
      #expect(sent.contains(TextDigest(of: doubtful)))
      for text in proven { #expect(!sent.contains(TextDigest(of: text))) }
      let list = try await scene.start(["quarantine", "list"]).exit()
      let told = "too long for the model: the text has more than 8,192 tokens, and was not sent  ("
      #expect(list.output.components(separatedBy: told).count == 3, "\(list.output)")
      #expect(list.output.components(separatedBy: "refused by the provider: ").count == 2, "\(list.output)")
    }
  }

  @Test func `of a tokenizer that nobody knows nothing is proven, and everything is sent`() async throws {
    var options = EmbeddingsServer.Options()
    options.model = "a-model-of-our-own"
    options.maxInputTokens = .max
    try await Scene.run(.sqlite, options) { scene in
      try scene.write(spec: scene.spec.replacing("text-embedding-3-small", with: options.model))
      let catalogue = """
        models:
          - id: a-model-of-our-own
            provider: openai
            max_input_tokens: 50
            tokenizer: unverified
        """
      try Data(catalogue.utf8).write(to: URL(fileURLWithPath: scene.folder.file("models.yaml")))
      try await scene.database.insert(["before", String(repeating: "a ", count: 9000), "after"])
      let exit = try await scene.fill(["--models", "models.yaml"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.rightRows().filled == 3)
    }
  }
}
