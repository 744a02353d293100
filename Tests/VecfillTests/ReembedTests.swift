import Backfill
import Foundation
import TestSupport
import Testing

/// `vecfill reembed` of real columns from one model to another.
@Suite struct ReembedTests {
  static let engines = [ChatDatabase.Engine.postgres16, .postgres18]

  @Test(arguments: engines, [8, 12]) func `a job's columns are changed to another model, and back, and forth again`(
    engine: ChatDatabase.Engine, dimensions: Int
  ) async throws {
    try await ReembedScene.run(engine, dimensions: dimensions) { world in
      let before = try await world.definitions()
      let exit = try await world.reembed(world.beginning)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("rows to embed"))
      #expect(exit.output.contains("cost"))
      #expect(exit.errors.contains("recall@10"))
      #expect(try await world.wrong(ReembedScene.new) == [])
      #expect(try await world.records() == [["chat_messages", "keep"], ["standalone_chat_messages", "keep"]])

      let former = try await world.scene.fill()
      #expect(former.code == 78)
      #expect(former.errors.contains("model=\(ReembedScene.new)"), "\(former.errors)")

      let undone = try await world.reembed(["--undo"])
      #expect(undone.code == 0, "\(undone.errors)")
      #expect(try await world.wrong(ReembedScene.former) == [])
      #expect(try await world.scene.fill().code == 0)

      let again = try await world.reembed(["--yes"])
      #expect(again.code == 0, "\(again.errors)")
      #expect(try await world.wrong(ReembedScene.new) == [])

      try world.writeNewSpec()
      let run = try await world.scene.fill()
      #expect(run.code == 0, "\(run.errors)")
      let early = try await world.reembed(["--finish"])
      #expect(early.code == 78)
      #expect(early.errors.contains("kept until"))
      let finished = try await world.reembed(["--finish", "--yes"])
      #expect(finished.code == 0, "\(finished.errors)")
      #expect(try await world.records() == [])
      let after = try await world.definitions().map {
        $0.map { $0?.replacing("vector(\(dimensions))", with: "vector(8)") }
      }
      #expect(after == before)
      #expect(try await world.wrong(ReembedScene.new) == [])
      #expect(try await world.scene.fill().code == 0)
    }
  }

  @Test(arguments: engines) func `abandoned before the switch, all is as before`(engine: ChatDatabase.Engine)
    async throws
  {
    try await ReembedScene.run(engine) { world in
      let before = try await world.definitions()
      let exit = try await world.reembed(world.beginning + ["--no-switch"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await world.wrong(ReembedScene.former) == [])
      #expect(try await world.wrong(ReembedScene.new, in: "embedding_new") == [])
      let abandoned = try await world.reembed(["--abandon", "--yes"])
      #expect(abandoned.code == 0, "\(abandoned.errors)")
      #expect(try await world.definitions() == before)
      #expect(try await world.records() == [])
      #expect(try await world.wrong(ReembedScene.former) == [])
      let again = try await world.reembed(world.beginning)
      #expect(again.code == 0, "\(again.errors)")
      #expect(try await world.wrong(ReembedScene.new) == [])
    }
  }
}
