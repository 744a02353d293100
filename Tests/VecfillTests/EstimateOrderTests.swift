import Backfill
import Foundation
import Ledger
import TestSupport
import Testing
import Tokenizer

/// What a run is billed after earlier ones: what the estimate before it has said.
@Suite(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)")) struct EstimateOrderTests {
  private struct Figures: Equatable {
    let tokens: Int?
    let requests: Int?
  }

  private static func run(_ engine: ChatDatabase.Engine, _ body: (Scene) async throws -> Void) async throws {
    let tokenizer = try #require(EstimateCommandTests.vocabulary)
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    try await Scene.run(engine, options, body)
  }

  private static func fill(_ scene: Scene) async throws {
    #expect(try await scene.fill([], ["VECFILL_DATA_DIR": EstimateCommandTests.folder]).code == 0)
    #expect(try await scene.wrongRows() == [])
  }

  /// What an estimate says, and what the run after it was billed.
  private static func compare(_ scene: Scene) async throws -> (told: Figures, billed: Figures) {
    let estimate = try await scene.start(
      ["estimate", "job.yaml", "--json"], ["VECFILL_DATA_DIR": EstimateCommandTests.folder]
    ).exit()
    #expect(estimate.code == 0, "\(estimate.errors)")
    let told = try EstimateCommandTests.object(estimate.output)
    #expect(told["exact"] as? Bool == true)
    let (tokens, requests) = (scene.server.record.billedTokens, scene.server.record.requests.count)
    try await fill(scene)
    return (
      Figures(tokens: told["tokens"] as? Int, requests: told["requests"] as? Int),
      Figures(
        tokens: scene.server.record.billedTokens - tokens, requests: scene.server.record.requests.count - requests)
    )
  }

  @Test(arguments: [ChatDatabase.Engine.sqlite, .postgres18], [0, 1])
  func `rows of several pages that lost their vectors get them from the ledger, and cost nothing`(
    _ engine: ChatDatabase.Engine, added: Int
  ) async throws {
    try await Self.run(engine) { scene in
      try scene.write(spec: scene.spec.replacingOccurrences(of: "batch_size: 10", with: "batch_size: 100"))
      try await scene.database.insert((0..<1_300).map { "message \($0)" })
      try await Self.fill(scene)
      try await scene.database.run("UPDATE chat_messages SET embedding = NULL")
      try await scene.database.insert((0..<added).map { "new \($0)" })
      let (told, billed) = try await Self.compare(scene)
      #expect(told == billed && billed.requests == added, "\(told) \(billed)")
    }
  }

  @Test func `equal texts on both sides of where a run begins are billed as the estimate says`() async throws {
    try await Self.run(.sqlite) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      try await Self.fill(scene)
      try await scene.database.run(
        "UPDATE chat_messages SET embedding = NULL, content = 'text ' || id WHERE id <= 20")
      try await scene.database.insert((1...20).map { "text \($0)" })
      let (told, billed) = try await Self.compare(scene)
      #expect(told == billed && billed.requests == 4, "\(told) \(billed)")
    }
  }
}
