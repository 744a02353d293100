import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// An export and a load that are killed with SIGKILL midway, and go on.
@Suite struct ExportLoadKillTests {
  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `a killed export goes on behind its last whole part`(engine: ChatDatabase.Engine) async throws {
    try await ExchangeScene.run(engine) { exchange in
      try await exchange.scene.database.insert((0..<3_000).map { "message \($0)" })
      let arguments = ["export", "job.yaml", "--to", exchange.export, "--part-rows", "100"]
      let process = try exchange.scene.start(arguments)
      try await exchange.scene.poll("a part") {
        FileManager.default.fileExists(atPath: exchange.export + "/requests-000001.jsonl") || !process.isRunning
      }
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      let exit = try await exchange.scene.start(arguments).exit()
      #expect(exit.code == 0 && exit.output.contains("exported 3,000 rows"), "\(exit.output)\(exit.errors)")
      let requests = try exchange.requests()
      #expect(requests.count == 3_000 && Set(requests.map(\.custom_id)).count == 3_000)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `a killed load goes on, with the index away meanwhile and back at the end`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await ExchangeScene.run(engine, indexed: true) { exchange in
      let scene = exchange.scene
      try scene.write(spec: scene.spec + "\nindex: {when: rebuild}")
      try await scene.database.insert((0..<400).map { "message \($0)" })
      #expect(try await exchange.export().code == 0)
      try exchange.write(try exchange.requests().map { exchange.result($0) })
      // A row that is held keeps the load from its end.
      let hold = try Hold("SELECT FROM chat_messages WHERE id = 7 FOR UPDATE", on: scene.database.url)
      let process = try scene.start(["load", "job.yaml", exchange.vectors])
      try await scene.poll("the first rows") { try await scene.database.count("embedding IS NOT NULL") > 300 }
      let other = try await exchange.load()
      #expect(other.code == 80, "\(other.errors)")
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      #expect(try await IndexScene.indexes(of: scene).count < 2)
      hold.release()
      let exit = try await exchange.load()
      #expect(exit.code == 0 && exit.output.contains("loaded 1 row "), "\(exit.output)\(exit.errors)")
      #expect(try await IndexScene.indexes(of: scene).count == 2)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a signal ends a load with its own code`() async throws {
    try await ExchangeScene.run(.postgres18) { exchange in
      let scene = exchange.scene
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await exchange.export().code == 0)
      try exchange.write(try exchange.requests().map { exchange.result($0) })
      let hold = try Hold("SELECT FROM chat_messages WHERE id = 7 FOR UPDATE", on: scene.database.url)
      let process = try scene.start(["load", "job.yaml", exchange.vectors])
      try await scene.poll("the first rows") { try await scene.database.count("embedding IS NOT NULL") > 30 }
      process.send(SIGTERM)
      #expect(await process.exit().code == 143)
      hold.release()
      #expect(try await exchange.load().code == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }
}
