import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// What else there is beside a run, where texts are cut into pieces.
@Suite struct ChunkSurroundingsTests {
  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18], ["poll", "notify"])
  func `rows that come and texts that are edited get their pieces while it follows`(
    engine: ChatDatabase.Engine, way: String
  ) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: ChunkTests.spec() + "\nfollow: \(way)\n")
      let made = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(made.code == 0, "\(made.errors)")
      try await scene.database.insert(["one", ChunkTests.book(bytes: 5_000)])
      let process = try await FollowTests.follow(scene)
      #expect(try await ChunkTests.flaws(scene) == [])
      try await scene.database.insert([ChunkTests.book(bytes: 4_000, "new book")])
      try await scene.poll("the new row's pieces") { try await ChunkTests.flaws(scene) == [] }
      try await scene.database.run("UPDATE chat_messages SET content = 'Preface. ' || content WHERE id = 2")
      try await scene.poll("the edited row's pieces") { try await ChunkTests.flaws(scene) == [] }
      try await scene.poll("the rounds' ends") { try await scene.status()?.state == .completed }
      process.send(SIGTERM)
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await ChunkTests.flaws(scene) == [])
    }
  }

  @Test(arguments: [
    ["verify", "job.yaml", "--offline"], ["adopt", "job.yaml", "--yes"],
    ["reembed", "job.yaml", "--to", "text-embedding-3-large", "--yes"],
  ])
  func `commands that look at vectors of whole texts refuse such a source`(_ arguments: [String]) async throws {
    try await ChunkTests.run(.postgres18) { scene in
      try await scene.database.insert(["one"])
      #expect(try await scene.fill().code == 0)
      let requests = scene.server.record.requests.count
      let exit = try await scene.start(arguments).exit()
      #expect(exit.code == 78, "\(exit.errors)")
      #expect(
        exit.errors.contains(
          "chat_messages: its texts are cut into pieces, which vecfill \(arguments[0]) knows nothing of"),
        "\(exit.errors)")
      #expect(scene.server.record.requests.count == requests)
    }
  }
}
