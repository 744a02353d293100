import Backfill
import Foundation
import Ledger
import TestSupport
import Testing
import Tokenizer

/// `duplicates: table`: equal texts are paid once over the whole table, in one run or over several.
@Suite struct TableDuplicatesTests {
  /// 5,000 rows of which 60 % have a text that another row has, far apart: pages have 500 rows.
  static let texts = (0..<5_000).map { "text number \($0 % 2_000)\nof many" }
  static let distinct = 2_000

  static func run(
    _ engine: ChatDatabase.Engine, _ options: EmbeddingsServer.Options = EmbeddingsServer.Options(),
    _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(engine, options) { scene in
      try scene.write(source: "table: chat_messages", "duplicates: table")
      try await body(scene)
    }
  }

  /// How many inputs the server has seen.
  static func inputs(_ scene: Scene) -> Int { scene.server.record.requests.reduce(0) { $0 + $1.digests.count } }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `each text is sent once, and what later rows need costs nothing`(engine: ChatDatabase.Engine) async throws {
    try await Self.run(engine) { scene in
      try await scene.database.insert(Self.texts)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(Self.inputs(scene) == Self.distinct)
      #expect(scene.server.record.requests.count == Self.distinct / 10)
      #expect(exit.output.contains("3,000 of them got another row's vector"), "\(exit.output)")
      // The same texts in new rows, in a later run.
      try await scene.database.insert(Array(Self.texts.prefix(700)))
      let next = try await scene.fill()
      #expect(next.code == 0, "\(next.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(Self.inputs(scene) == Self.distinct)
      #expect(next.output.contains("tokens billed        0"), "\(next.output)")
      let status = try #require(try await scene.status())
      #expect(status.totals.requests == Self.distinct / 10 && status.totals.spooledBatches == 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `killed midway, only what was in flight can be sent again`(engine: ChatDatabase.Engine) async throws {
    try await Self.run(engine) { scene in
      try await scene.database.insert(Self.texts)
      for requests in [40, 90, 150] {
        let process = try scene.start(["run", "job.yaml"])
        try await scene.server.wait { $0.requests.count >= requests }
        await KillTests.kill(process)
        if engine != .sqlite { try await KillTests.endSessions(of: scene) }
      }
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      let possiblyPaid = try #require(try await scene.status()).totals.possiblyPaid
      #expect(possiblyPaid <= 12)
      #expect(scene.server.record.billed.count == Self.distinct)
      #expect(scene.server.record.billedAgain <= 10 * possiblyPaid)
    }
  }

  @Test(
    .enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"), arguments: ChatDatabase.Engine.allCases)
  func `the estimate is what is billed, before the first run and midway`(engine: ChatDatabase.Engine) async throws {
    let tokenizer = try #require(EstimateCommandTests.vocabulary)
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    try await Self.run(engine, options) { scene in
      let environment = ["VECFILL_DATA_DIR": EstimateCommandTests.folder]
      func estimate() async throws -> [String: Any] {
        let told = try await scene.start(["estimate", "job.yaml", "--json"], environment).exit()
        #expect(told.code == 0, "\(told.errors)")
        return try #require(try JSONSerialization.jsonObject(with: Data(told.output.utf8)) as? [String: Any])
      }
      try await scene.database.insert(Array(Self.texts.prefix(2_600)))
      for rows in [2_600, 2_000] {
        let told = try await estimate()
        let (tokens, requests) = (scene.server.record.billedTokens, scene.server.record.requests.count)
        #expect(told["rows"] as? Int == rows)
        #expect(told["duplicates"] as? Int == (rows == 2_600 ? 600 : 1_500))
        let exit = try await scene.fill([], environment)
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(told["tokens"] as? Int == scene.server.record.billedTokens - tokens)
        #expect(told["requests"] as? Int == scene.server.record.requests.count - requests)
        // 1,500 that are known, and 500 that are not.
        try await scene.database.insert(Array(Self.texts.prefix(1_500)) + (0..<500).map { "new \($0)" })
      }
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a row that was edited, emptied or given another vector since lends nothing`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Self.run(engine) { scene in
      try await scene.database.insert(["one", "two", "three", "four"])
      #expect(try await scene.fill().code == 0)
      let stale = EmbeddingsServer.vector(for: "stale", dimensions: 8)
      try await scene.database.run(
        """
        UPDATE chat_messages SET content = 'edited' WHERE id = 1;
        UPDATE chat_messages SET embedding = '[\(stale.map(\.description).joined(separator: ","))]' WHERE id = 2;
        DELETE FROM chat_messages WHERE id = 3
        """)
      try await scene.database.insert(["one", "two", "three", "four"])
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(Self.inputs(scene) == 7)
      let vectors = try await scene.database.vectors().filter { $0.text == "two" }.compactMap(\.vector)
      #expect(vectors.contains(EmbeddingsServer.vector(for: "two", dimensions: 8)))
      #expect(scene.server.record.billed[TextDigest(of: "four")] == 1)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a text that is refused keeps no row of it from ending, and each is in quarantine`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Self.run(engine) { scene in
      scene.server.add(.poison { $0 == "poison" })
      let texts = (0..<1_500).map { $0 % 100 == 7 ? "poison" : "text \($0 % 700)" }
      try await scene.database.insert(texts)
      let exit = try await scene.fill(["--max-quarantined", "15"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL") == 15)
      #expect(try await scene.database.count("embedding IS NULL AND content <> 'poison'") == 0)
      let billed = scene.server.record.billed.filter { $0.key != TextDigest(of: "vecfill") }
      #expect(billed.count == 700 - 7 && billed.values.allSatisfy { $0 == 1 })
    }
  }
}
