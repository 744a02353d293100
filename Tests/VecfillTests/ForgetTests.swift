import Foundation
import Ledger
import TestSupport
import Testing

/// `vecfill ledger forget`: a column begins anew, and what that costs is said.
@Suite struct ForgetTests {
  static func forget(_ scene: Scene, _ arguments: [String] = []) async throws -> VecfillProcess.Exit {
    try await scene.start(["ledger", "forget", "chat_messages.embedding"] + arguments).exit()
  }

  static func spec(_ scene: Scene, newlines: String) -> String {
    scene.spec.replacing("newlines: space", with: "newlines: \(newlines)")
      .replacing("  - table: standalone_chat_messages\n", with: "")
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a column that is forgotten is compared, and recorded as what the next run makes`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: Self.spec(scene, newlines: "space"))
      try await scene.database.insert((1...12).map { "message \($0)" })
      #expect(try await scene.fill().code == 0)
      let forgotten = try await Self.forget(scene)
      #expect(forgotten.code == 0, "\(forgotten.errors)")
      #expect(forgotten.output.hasPrefix("chat_messages.embedding is forgotten\n<$0.000001"), "\(forgotten.output)")
      let again = try await Self.forget(scene)
      #expect(again.code == 0)
      #expect(!again.output.contains("$"), "\(again.output)")
      // No text has a line feed: what the next run makes of them is the same.
      try await scene.database.insert(["message 13"])
      try scene.write(spec: Self.spec(scene, newlines: "keep"))
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(scene.server.record.requests.count == 4, "two requests, one that compares and one more")
      try scene.write(spec: Self.spec(scene, newlines: "space"))
      #expect(try await scene.fill().code == 78)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `vectors that are paid for are lost only where that is wanted`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: Self.spec(scene, newlines: "space"))
      try await scene.database.insert((1...20).map { "message \($0)" })
      try await KillTests.dieBeforeTheRows(scene, engine)
      let refused = try await Self.forget(scene)
      #expect(refused.code == 64)
      #expect(refused.errors.contains("20 vectors of chat_messages.embedding are paid for and not written"))
      let kept = try await scene.status()?.totals.spooledBatches
      #expect(kept == 2)
      let forgotten = try await Self.forget(scene, ["--yes"])
      #expect(forgotten.output.contains("20 vectors that were paid for are lost"), "\(forgotten.errors)")
      let left = try await scene.status()?.totals.spooledBatches
      #expect(left == 0)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a column that a run fills is not forgotten`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.always(.hold(gate, then: .answer))]) { scene in
      try await scene.database.insert(["message"])
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 1 }
      let exit = try await Self.forget(scene, ["--yes"])
      #expect(exit.code == 80, "\(exit.output)\(exit.errors)")
      gate.open()
      #expect(await process.exit().code == 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a column that nobody knows is refused with those that are known`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      let none = try await scene.start(["ledger", "forget", "nope.nope"]).exit()
      #expect(none.code == 64 && none.errors.contains("the ledger has none"), "\(none.errors)")
      try await scene.database.insert(["message"])
      #expect(try await scene.fill().code == 0)
      let exit = try await scene.start(["ledger", "forget", "chat_messages.embeding"]).exit()
      #expect(exit.code == 64, "\(exit.output)")
      #expect(
        exit.errors.contains(
          "did you mean chat_messages.embedding? the ledger has chat_messages.embedding, standalone_chat_messages."),
        "\(exit.errors)")
    }
  }

  @Test(arguments: ["embedding", "a.b.c.d", ".embedding", ""])
  func `a name that is no column's is refused`(name: String) async throws {
    try await Scene.run(.sqlite) { scene in
      let exit = try await scene.start(["ledger", "forget", name]).exit()
      #expect(exit.code == 64)
    }
  }
}
