import Backfill
import Foundation
import Ledger
import TestSupport
import Testing
import Tokenizer

/// What surrounds a run whose texts are cut into pieces: a live application, the model's own tokens, memory, checks.
@Suite struct ChunkCommandTests {
  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `a text that is edited while its pieces are under way gets those of its new text alone`(
    engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await ChunkTests.run(engine, rules: [.first(1, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert(["one", ChunkTests.book(bytes: 10_000)])
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.requests.count >= 2 }
      try await scene.database.run("UPDATE chat_messages SET content = 'Preface. ' || content WHERE id = 2")
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await ChunkTests.flaws(scene) == [])
      #expect(try await scene.status()?.totals.spooledBatches == 0)
    }
  }

  @Test func `the last transactions of the database are lost, and its rows get the same pieces without a request`()
    async throws
  {
    try await ChunkTests.run(.postgres18) { scene in
      try await scene.database.insert(["one", ChunkTests.book(bytes: 5_000)])
      #expect(try await scene.fill().code == 0)
      let requests = scene.server.record.requests.count
      try await scene.database.run(
        "DELETE FROM message_chunks WHERE id = 2 AND number > 3; DELETE FROM message_chunks WHERE number = 0")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await ChunkTests.flaws(scene) == [])
      #expect(scene.server.record.requests.count == requests)
    }
  }

  @Test func `pieces of which nobody recorded what they are made of are compared before more are paid for`()
    async throws
  {
    try await ChunkTests.run(.postgres18) { scene in
      try await scene.database.insert(["one", ChunkTests.book(bytes: 5_000)])
      #expect(try await scene.fill().code == 0)
      for (vector, code) in [("embedding", Int32(0)), ("'[1,0,0,0,0,0,0,0]'", 78)] {
        let forgotten = try await scene.start(["ledger", "forget", "message_chunks.embedding"]).exit()
        #expect(forgotten.code == 0, "\(forgotten.errors)")
        try await scene.database.run("UPDATE message_chunks SET embedding = \(vector)")
        try await scene.database.insert(["another \(code)"])
        let exit = try await scene.fill()
        #expect(exit.code == code, "\(exit.errors)")
        if code == 78 {
          #expect(exit.errors.contains("message_chunks.embedding: it holds vectors that"), "\(exit.errors)")
        }
      }
    }
  }

  @Test func `check names the table of pieces that is missing, and is content once it is there`() async throws {
    try await Scene.run(.postgres18) { scene in
      try scene.write(spec: ChunkTests.spec())
      let before = try await scene.start(["check", "job.yaml"]).exit()
      #expect(before.code == 78, "\(before.output)")
      #expect(before.output.contains("message_chunks: there is no such table"), "\(before.output)")
      #expect(try await scene.start(["migrate", "up", "job.yaml"]).exit().code == 0)
      let after = try await scene.start(["check", "job.yaml"]).exit()
      #expect(after.output.contains("message_chunks.embedding, a row for each piece of a text"), "\(after.output)")
    }
  }

  /// What else is so, and how the check of a role ends that may do what a run does and owns nothing: as its run does.
  @Test(arguments: [
    ("SELECT 1", "keep", Int32(0)), ("ALTER TABLE chat_messages DROP COLUMN embedding", "keep", 0),
    ("ALTER TABLE message_chunks OWNER TO R; GRANT CREATE ON SCHEMA public TO R", "after", 0),
    ("SELECT 1", "after", 77),
  ])
  func `a role that owns no table may fill the pieces, and check says so`(
    script: String, index: String, code: Int32
  ) async throws {
    try await ChunkTests.run(.postgres18) { scene in
      try scene.write(spec: ChunkTests.spec() + "\nindex: {when: \(index)}\n")
      try await scene.database.insert(["one", ChunkTests.book(bytes: 2_000)])
      let role = "filler_\(UUID().uuidString.prefix(8).lowercased())"
      try await scene.database.run(
        """
        CREATE ROLE \(role) LOGIN; GRANT SELECT, UPDATE (id) ON chat_messages TO \(role);
        GRANT SELECT, INSERT, DELETE ON message_chunks TO \(role);
        \(script.replacing("TO R", with: "TO \(role)"))
        """)
      let place = ["DATABASE_URL": scene.database.url.replacing("postgres@", with: "\(role)@")]
      let (told, exit) = try await scene.check([], place)
      #expect(exit.code == code, "\(told.checks.filter { $0.mark != "ok" }) \(exit.errors)")
      #expect(code == 0 || told.lines("index.when").first?.found.hasPrefix("message_chunks: only its owner") == true)
      let run = try await scene.fill([], place)
      #expect(run.code == code, "\(run.errors)")
      #expect(try await ChunkTests.flaws(scene).isEmpty == (code == 0))
      try await scene.database.run("DROP OWNED BY \(role) CASCADE; DROP ROLE \(role)")
    }
  }

  @Test(.timeLimit(.minutes(5))) func `memory does not grow with a text of 1 MB and thousands of pieces`() async throws
  {
    var options = EmbeddingsServer.Options()
    options.dimensions = 1536
    try await Scene.run(.postgres18, options) { scene in
      try scene.write(spec: ChunkTests.spec(tokens: 100).replacing("dimensions: 8", with: "dimensions: 1536"))
      #expect(try await scene.start(["migrate", "up", "job.yaml"]).exit().code == 0)
      try await scene.database.insert([ChunkTests.book(bytes: 1_000_000)])
      let (exit, megabytes) = try await scene.start(["run", "job.yaml"]).exitAndMemory()
      #expect(exit.code == 0, "\(exit.errors)")
      let pieces = try await ChunkTests.pieces(scene)
      #expect(pieces > 2_000)
      print("figure: \(pieces) pieces of 1536 dimensions in one row, at most \(megabytes) MB")
      #expect(megabytes < 512)
    }
  }

  static let vocabulary = try? Cl100kBase(from: VocabularyFolder.searched(ProcessInfo.processInfo.environment))

  /// Bytes that no tokenizer likes, among what people write.
  @Test(.enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"), arguments: 0..<20 as Range<UInt64>)
  func `pieces have no more of the model's own tokens than they may`(seed: UInt64) throws {
    let tokenizer = try #require(Self.vocabulary)
    var random = SeededGenerator(seed: seed)
    let words = [
      "river ", "the ", "boat.\n\n", "Заключение ", "第十章は終わる。", "สวัสดีครับ", "👨‍👩‍👧‍👦", "नमस्ते। ", "aGVsbG8gd29ybGQ", "\n",
      "    ", "{\"a\": [1, 2]}, ",
      "https://example.org/?q=1&r=2 ", "\u{200B}", "ﷺ", "12345678901234567890", "DON'T ", "\r\n",
    ]
    let text = (0..<3_000).map { _ in words.randomElement(using: &random) ?? "" }.joined()
    let tokens = Int.random(in: 16...400, using: &random)
    let overlap = Int.random(in: 0...tokens / 2, using: &random)
    let cutter = TextCutter(
      Cutting(tokens: tokens, overlap: overlap), countSent: { tokenizer.count("passage: " + $0) },
      count: { tokenizer.count($0) })
    let pieces = cutter.pieces(of: text)
    #expect(pieces.allSatisfy { tokenizer.count("passage: " + $0.text) <= tokens }, "seed \(seed)")
    let scalars = Array(text.unicodeScalars)
    var covered = Set<Int>()
    for piece in pieces { covered.formUnion(piece.range) }
    let lost = scalars.indices.filter { !covered.contains($0) && !scalars[$0].properties.isWhitespace }
    #expect(lost == [], "seed \(seed)")
  }
}
