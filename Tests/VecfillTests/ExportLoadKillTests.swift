import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// An export and a load that are killed with SIGKILL midway, and go on.
@Suite struct ExportLoadKillTests {
  private static func fill(_ database: ChatDatabase, rows: Int) async throws {
    try await database.run(
      """
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
      INSERT INTO chat_messages (insight_id, user_id, role, content) SELECT 1, 1, 'user', 'message ' || i FROM n
      """)
  }

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `a killed export goes on behind its last whole part`(engine: ChatDatabase.Engine) async throws {
    try await ExchangeScene.run(engine) { exchange in
      try await Self.fill(exchange.scene.database, rows: 20_000)
      let arguments = ["export", "job.yaml", "--to", exchange.export, "--part-rows", "100"]
      let process = try exchange.scene.start(arguments)
      try await exchange.scene.poll("a part") {
        FileManager.default.fileExists(atPath: exchange.export + "/requests-000002.jsonl") || !process.isRunning
      }
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      let exit = try await exchange.scene.start(arguments).exit()
      #expect(exit.code == 0 && exit.errors.contains("going on behind"), "\(exit.errors)")
      #expect(exit.output.contains("exported 20,000 rows"), "\(exit.output)")
      let requests = try exchange.requests()
      #expect(requests.count == 20_000 && Set(requests.map(\.customID)).count == 20_000)
    }
  }

  @Test func `a killed load goes on, with the index away meanwhile and back at the end`() async throws {
    try await ExchangeScene.run(.postgres18, indexed: true) { exchange in
      let scene = exchange.scene
      try scene.write(spec: scene.spec + "\nindex: {when: rebuild}")
      try await Self.fill(scene.database, rows: 12_000)
      #expect(try await exchange.export().code == 0)
      try exchange.write(try exchange.requests().map { exchange.result($0) })
      let process = try scene.start(["load", "job.yaml", exchange.vectors])
      try await scene.poll("the first rows") {
        try await scene.database.count("embedding IS NOT NULL") > 0 || !process.isRunning
      }
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      #expect(try await IndexScene.indexes(of: scene).count < 2)
      let written = try await scene.database.count("embedding IS NOT NULL")
      #expect(written > 0 && written < 12_000)
      let exit = try await exchange.load()
      #expect(
        exit.code == 0 && exit.output.contains("there already: \(written.grouped)"), "\(exit.output)\(exit.errors)")
      #expect(try await IndexScene.indexes(of: scene).count == 2)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a signal ends a load with its own code, and a second load waits for none`() async throws {
    try await ExchangeScene.run(.postgres16) { exchange in
      let scene = exchange.scene
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await exchange.export().code == 0)
      try exchange.write(try exchange.requests().map { exchange.result($0) })
      // A row that is held keeps the load from its end.
      let hold = try Hold("SELECT FROM chat_messages WHERE id = 7 FOR UPDATE", on: scene.database.url)
      let process = try scene.start(["load", "job.yaml", exchange.vectors])
      try await scene.poll("the other rows") { try await scene.database.count("embedding IS NOT NULL") == 39 }
      let other = try await exchange.load()
      #expect(other.code == 80, "\(other.errors)")
      process.send(SIGTERM)
      #expect(await process.exit().code == 143)
      hold.release()
      #expect(try await exchange.load().code == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }
}
