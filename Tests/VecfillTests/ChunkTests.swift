import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// Texts that are cut into pieces, by the real process on a real database.
@Suite struct ChunkTests {
  static let requestInputs = 20

  static func spec(tokens: Int = 60, overlap: Int = 6) -> String {
    """
    sources:
      - table: chat_messages
        chunks: {table: message_chunks, tokens: \(tokens), overlap: \(overlap)}
    model: text-embedding-3-small
    dimensions: 8
    batch_size: \(requestInputs)
    concurrency: 4
    limits:
      requests_per_minute: 1000000
      tokens_per_minute: 1000000000
    """
  }

  /// A scene whose table of pieces is made.
  static func run(
    _ engine: ChatDatabase.Engine, tokens: Int = 60, overlap: Int = 6, rules: [EmbeddingsServer.Rule] = [],
    _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(engine, rules: rules) { scene in
      try scene.write(spec: spec(tokens: tokens, overlap: overlap))
      let made = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(made.code == 0, "\(made.errors)")
      try await body(scene)
    }
  }

  /// A text of so many bytes, of paragraphs of sentences none of which is like another.
  static func book(bytes: Int, _ title: String = "book") -> String {
    var text = ""
    var sentence = 0
    while text.utf8.count < bytes {
      sentence += 1
      text += "Sentence \(sentence) of the \(title) tells of the river, and of the boat that came down it. "
      if sentence % 7 == 0 { text += "\n\n" }
      if sentence % 31 == 0 { text += "Заключение \(sentence): всё идёт своим чередом. 第\(sentence)章は終わる。" }
    }
    return text
  }

  /// What is wrong with the pieces of rows whose text isn't blank, in words.
  static func flaws(_ scene: Scene) async throws -> [String] {
    let rows = try await scene.database.rows("SELECT id, content FROM chat_messages WHERE content ~ '\\S' ORDER BY id")
    var flaws: [String] = []
    for row in rows {
      guard let id = row[0], let text = row[1] else { continue }
      let pieces = try await scene.database.rows(
        """
        SELECT number, start, "end", c.digest = sha256(convert_to(m.content, 'UTF8')),
          substr(m.content, start + 1, "end" - start), c.embedding
        FROM message_chunks c JOIN chat_messages m USING (id) WHERE id = \(id) ORDER BY number
        """)
      guard pieces.map({ $0[0] }) == pieces.indices.map(String.init), !pieces.isEmpty else {
        flaws.append("\(id): its pieces have the numbers \(pieces.map { $0[0] ?? "" })")
        continue
      }
      guard pieces.allSatisfy({ $0[3] == "t" }) else {
        flaws.append("\(id): a piece is of another text")
        continue
      }
      let scalars = Array(text.unicodeScalars)
      var end = 0
      for piece in pieces {
        guard let start = piece[1].flatMap({ Int($0) }), let next = piece[2].flatMap({ Int($0) }), start < next,
          scalars[min(end, start)..<start].allSatisfy(\.properties.isWhitespace), next > end
        else {
          flaws.append("\(id): a gap before piece \(piece[0] ?? "")")
          break
        }
        end = next
        let right = EmbeddingsServer.vector(for: piece[4] ?? "", dimensions: 8)
        let vector = (piece[5] ?? "").dropFirst().dropLast().split(separator: ",").compactMap { Float($0) }
        if vector.count != 8 || !zip(vector, right).allSatisfy({ abs($0 - $1) < 1e-5 }) {
          flaws.append("\(id): another vector at piece \(piece[0] ?? "")")
        }
      }
      if !scalars[end...].allSatisfy(\.properties.isWhitespace) { flaws.append("\(id): its end is in no piece") }
    }
    return flaws
  }

  static func pieces(_ scene: Scene, _ condition: String = "true") async throws -> Int {
    try await scene.database.count(condition, in: "message_chunks")
  }

  // A book of 1 MB takes minutes of the machine; one major version is enough for its size.
  @Test(arguments: [(ChatDatabase.Engine.postgres16, 250_000), (.postgres18, 1_000_000)])
  func `a book among messages, killed at random, is put together from what was paid for`(
    engine: ChatDatabase.Engine, bytes: Int
  ) async throws {
    try await Self.run(engine, tokens: 400, overlap: 40) { scene in
      try await scene.database.insert((0..<100).map { "message \($0)" })
      try await scene.database.insert([Self.book(bytes: bytes)])
      try await scene.database.insert((100..<200).map { "message \($0)" })
      var random = SeededGenerator.printed(of: "\(#function) \(engine)")
      let kills = try await scene.killRuns(6, after: 1...max(2, bytes / 100_000), using: &random)
      #expect(kills >= 4)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await Self.flaws(scene) == [])
      let status = try await scene.status()
      let possiblyPaid = status?.totals.possiblyPaid ?? 0
      // Only what was in flight at a kill is paid twice, and nothing that was received.
      #expect(scene.server.record.billedAgain <= Self.requestInputs * possiblyPaid)
      #expect(possiblyPaid <= 4 * kills)
      #expect(status?.totals.spooledBatches == 0)
      #expect(try await Self.pieces(scene) > bytes / 1_600)
      let again = scene.server.record.requests.count
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.count == again)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `killed with a part of a text's pieces in the ledger, only the others are asked for`(
    engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(engine, rules: [.requests(4..<200, .hold(gate, then: .answer)).times(4)]) { scene in
      try await scene.database.insert([Self.book(bytes: 40_000)])
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches == 4 }
      try await scene.server.wait { $0.inFlight == 4 }
      await KillTests.kill(process)
      gate.open()
      #expect(try await Self.pieces(scene) == 0)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("4 replies of an earlier run hold pieces of texts"))
      #expect(try await Self.flaws(scene) == [])
      #expect(scene.server.record.billedAgain <= 4 * Self.requestInputs)
      #expect(scene.server.record.billed.count == (try await Self.pieces(scene)))
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `edited rows are found and replaced, and serve until then; blank ones and deleted ones lose their pieces`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Self.run(engine) { scene in
      try await scene.database.insert(["one", "two", "three", "  ", Self.book(bytes: 3_000)])
      #expect(try await scene.fill().code == 0)
      #expect(try await Self.flaws(scene) == [])
      let billed = scene.server.record.billed.count
      let whole = try await Self.pieces(scene, "id = 5")
      try await scene.database.run(
        """
        UPDATE chat_messages SET content = 'new one' WHERE id = 1; UPDATE chat_messages SET content = ' ' WHERE id = 2;
        DELETE FROM chat_messages WHERE id = 3; UPDATE chat_messages SET content = 'Prologue. ' || content WHERE id = 5
        """)
      #expect(try await Self.pieces(scene, "id IN (1, 2)") == 2)
      #expect(try await Self.pieces(scene, "id = 5") == whole)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await Self.flaws(scene) == [])
      #expect(try await Self.pieces(scene, "id IN (2, 3, 4)") == 0)
      #expect(scene.server.record.billed.count > billed)
      #expect(scene.server.record.requests.count <= 4)
    }
  }

  @Test func `a piece that the provider refuses leaves its whole row out, and all others are written`() async throws {
    try await Self.run(.postgres18, rules: [.poison(where: { $0.contains("Sentence 20 of the poison") })]) { scene in
      try await scene.database.insert(["one", Self.book(bytes: 5_000, "poison"), "two", Self.book(bytes: 3_000)])
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await Self.pieces(scene, "id = 2") == 0)
      #expect(try await Self.flaws(scene) == ["2: its pieces have the numbers []"])
      #expect(try await scene.status()?.columns.map(\.quarantined) == [1])
    }
  }

  @Test func `an estimate tells the very tokens, requests and inputs of the run`() async throws {
    try await Self.run(.postgres18) { scene in
      try await scene.database.insert(["one", "two", "two", Self.book(bytes: 30_000), " "])
      let estimate = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      let requests = scene.server.record.requests.count
      #expect(estimate.output.contains("\"requests\":\(requests)"), "\(estimate.output)")
      #expect(estimate.output.contains("\"rows\":4"), "\(estimate.output)")
      let after = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(after.output.contains("\"requests\":0"), "\(after.output)")
    }
  }

  @Test func `search shows each row once, with its best piece`() async throws {
    try await Self.run(.postgres18) { scene in
      try await scene.database.insert(["one", "two", Self.book(bytes: 5_000)])
      #expect(try await scene.fill().code == 0)
      let piece = try await scene.database.rows("SELECT piece FROM message_chunks_rows WHERE id = 3 AND number = 4")[0][
        0]
      let found = try await scene.start(["search", piece ?? "", "job.yaml"]).exit()
      #expect(found.code == 0, "\(found.errors)")
      let lines = found.output.split(separator: "\n").dropFirst()
      #expect(lines.count == 3)
      #expect(lines.first?.contains("chat_messages 3 #4") == true, "\(found.output)")

      // The manual's own statement finds the same.
      let manual = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/chunks.md")
      let page = try String(contentsOf: manual, encoding: .utf8)
      let block = try #require(page.firstMatch(of: #/```sql\n(SELECT d\.id(?:.|\n)*?)```/#))
      let statement = String(block.1)
      let vector = EmbeddingsServer.vector(for: piece ?? "", dimensions: 8).map(\.description).joined(separator: ",")
      let rows = try await scene.database.rows(
        statement.replacing("document_chunks_rows", with: "message_chunks_rows").replacing(
          "documents", with: "chat_messages"
        )
        .replacing("d.title", with: "d.role").replacing("$1", with: "'[\(vector)]'"))
      #expect(rows.count == 3)
      #expect(rows.first == ["3", "user", "4", piece])
    }
  }

  @Test func `other tokens, another overlap or whole texts are another kind of vectors, and refused`() async throws {
    try await Self.run(.postgres18) { scene in
      try await scene.database.insert(["one"])
      #expect(try await scene.fill().code == 0)
      try scene.write(spec: Self.spec(tokens: 80))
      let exit = try await scene.fill()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(exit.errors.contains("chunks=60 tokens, 6 repeated"), "\(exit.errors)")
    }
  }

  @Test func `in SQLite the job is refused before anything is paid`() async throws {
    try await Scene.run(.sqlite) { scene in
      try scene.write(spec: Self.spec())
      for arguments in [["run", "job.yaml"], ["migrate", "up", "job.yaml"], ["estimate", "job.yaml"]] {
        let exit = try await scene.start(arguments).exit()
        #expect(exit.code == 78, "\(exit.errors)")
        #expect(exit.errors.contains("can't be cut into pieces in SQLite"), "\(exit.errors)")
      }
      #expect(scene.server.record.requests.isEmpty)
    }
  }
}
