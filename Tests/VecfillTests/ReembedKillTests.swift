import Backfill
import Foundation
import TestSupport
import Testing

/// A real `vecfill reembed` that is killed at a known point while an application works: the same command goes on, no query
/// of the application fails, and it reads no vector of the wrong model.
@Suite struct ReembedKillTests {
  /// Where it is killed.
  enum Point: String, CaseIterable {
    case fill, index, compare, `switch`, rest
  }

  /// The test is skipped where the application's Python is not installed.
  static func application(
    _ world: ReembedScene, _ kind: LiveApplication.Kind = .follows
  ) throws -> LiveApplication {
    if !Helper.python.isUsable { try Test.cancel("\(Helper.python.missing)") }
    return try LiveApplication(
      kind, url: world.scene.database.url, former: (ReembedScene.former, 8), new: (ReembedScene.new, world.dimensions))
  }

  static func kill(_ process: VecfillProcess) async {
    process.send(SIGKILL)
    let exit = await process.exit()
    #expect(exit.signal == SIGKILL, "it was over before: \(exit.errors)")
  }

  private static func steps(_ world: ReembedScene) async throws -> Set<String?> {
    Set(try await world.records().map { $0[1] })
  }

  /// The application saw both models, and nothing else than it should.
  static func expectUnharmed(
    _ report: LiveApplication.Report, _ seen: [String] = [ReembedScene.former, ReembedScene.new]
  ) {
    #expect(report.failures == 0, "\(report.failed)")
    #expect(report.wrongs == 0, "\(report.wrong)")
    for model in seen { #expect(report.seen[model, default: 0] > 0) }
  }

  /// The rows that the application left are filled by the job of after the change, and each vector is right.
  static func expectWhole(_ world: ReembedScene) async throws {
    try world.writeNewSpec()
    let run = try await world.scene.fill()
    #expect(run.code == 0, "\(run.errors)")
    #expect(try await world.wrong(ReembedScene.new) == [])
  }

  /// Begins it and kills it at `point`.
  private static func killed(at point: Point, _ world: ReembedScene) async throws {
    let scene = world.scene
    switch point {
    case .fill, .index:
      let gate = EmbeddingsServer.Gate()
      let asked = Locked(0)
      // The probe and two requests pass.
      let isHeld: @Sendable () -> Bool = {
        asked.withLock {
          $0 += 1
          return $0 > 3
        }
      }
      scene.server.add(.when(isHeld, .hold(gate, then: .answer)))
      let process = try world.start(world.beginning)
      try await scene.poll("the fill") { asked.withLock { $0 > 3 } }
      if point == .index {
        // A concurrent build waits for it.
        let hold = try Hold("LOCK TABLE chat_messages IN ROW EXCLUSIVE MODE", on: scene.database.url)
        gate.open()
        try await scene.poll("the build") {
          try await scene.database.rows(
            "SELECT 1 FROM pg_index WHERE NOT indisvalid AND indexrelid::regclass::text LIKE '%user_new'"
          ).count == 1
        }
        await kill(process)
        hold.release()
        #expect(try await steps(world) == ["index"])
      } else {
        await kill(process)
        gate.open()
        #expect(try await steps(world) == ["fill"])
      }
    case .compare, .rest:
      let word = point == .compare ? "comparing neighbours" : "filling what came during the switch"
      let process = try world.start(world.beginning)
      try await scene.poll(word) { process.errors.contains(word) }
      await kill(process)
      #expect(try await steps(world).isSubset(of: point == .compare ? ["compare", "switch"] : ["rest"]))
    case .switch:
      let ready = try await world.reembed(world.beginning + ["--no-switch"])
      #expect(ready.code == 0, "\(ready.errors)")
      // The first table's columns are renamed by then, and the second can't be.
      let hold = try Hold("LOCK TABLE standalone_chat_messages IN ACCESS SHARE MODE", on: scene.database.url)
      let process = try world.start(["--yes"])
      try await scene.poll("the switch") { process.errors.contains("waits for a lock") }
      await kill(process)
      hold.release()
      #expect(try await steps(world) == ["switch"])
    }
  }

  @Test(arguments: Soak.cases(ReembedTests.engines, Point.allCases))
  func `killed while an application works, the same command goes on`(
    engine: ChatDatabase.Engine, point: Point
  ) async throws {
    let dimensions = [Point.fill, .switch].contains(point) == (engine == .postgres16) ? 8 : 12
    try await ReembedScene.run(engine, dimensions: dimensions, rows: 60) { world in
      let application = try Self.application(world)
      try await Self.killed(at: point, world)
      let status = try await world.reembed(["--status"])
      #expect(status.code == 0)
      #expect(status.output.contains("reembed job.yaml"))
      let exit = try await world.reembed(["--yes"])
      #expect(exit.code == 0, "\(exit.errors)")
      try await Self.readsOn(world)
      Self.expectUnharmed(try await application.end())
      #expect(try await Self.steps(world) == ["keep"])
      try await Self.expectWhole(world)
    }
  }

  /// Gives the application the time to look at some rows.
  static func readsOn(_ world: ReembedScene) async throws {
    let before = try await world.scene.database.count("content LIKE 'live %'")
    try await world.scene.poll("writes") { try await world.scene.database.count("content LIKE 'live %'") > before + 20 }
  }

  // The other engine than above has its turn at each point.
  @Test(arguments: Soak.cases(ReembedTests.engines, Point.allCases.filter { $0 != .rest }, first: 1))
  func `killed while an application works, and abandoned, all is as before`(
    engine: ChatDatabase.Engine, point: Point
  ) async throws {
    try await ReembedScene.run(engine, rows: 60) { world in
      let before = try await world.definitions()
      let application = try Self.application(world)
      try await Self.killed(at: point, world)
      let hold = try Hold("LOCK TABLE standalone_chat_messages IN ACCESS SHARE MODE", on: world.scene.database.url)
      let process = try world.start(["--abandon", "--yes"])
      try await world.scene.poll("the drop") { process.errors.contains("waits for a lock") }
      await Self.kill(process)
      hold.release()
      #expect(try await world.records().count == 2)
      let abandoned = try await world.reembed(["--abandon", "--yes"])
      #expect(abandoned.code == 0, "\(abandoned.errors)")
      Self.expectUnharmed(try await application.end(), [ReembedScene.former])
      #expect(try await world.definitions() == before)
      let run = try await world.scene.fill()
      #expect(run.code == 0, "\(run.errors)")
      #expect(try await world.wrong(ReembedScene.former) == [])
    }
  }

  @Test(arguments: Soak.cases(ReembedTests.engines, [8, 12]))
  func `undone while an application works, and killed in it, the former vectors are whole again`(
    engine: ChatDatabase.Engine, dimensions: Int
  ) async throws {
    try await ReembedScene.run(engine, dimensions: dimensions, rows: 60) { world in
      let before = try await world.definitions()
      let application = try Self.application(world)
      let exit = try await world.reembed(world.beginning)
      #expect(exit.code == 0, "\(exit.errors)")
      try await Self.readsOn(world)
      let hold = try Hold("LOCK TABLE standalone_chat_messages IN ACCESS SHARE MODE", on: world.scene.database.url)
      let process = try world.start(["--undo"])
      try await world.scene.poll("the undoing") { process.errors.contains("waits for a lock") }
      await Self.kill(process)
      hold.release()
      #expect(try await Self.steps(world) == ["keep"])
      let undone = try await world.reembed(["--undo"])
      #expect(undone.code == 0, "\(undone.errors)")
      try await Self.readsOn(world)
      let abandoned = try await world.reembed(["--abandon", "--yes"])
      #expect(abandoned.code == 0, "\(abandoned.errors)")
      Self.expectUnharmed(try await application.end())
      #expect(try await world.definitions() == before)
      let run = try await world.scene.fill()
      #expect(run.code == 0, "\(run.errors)")
      #expect(try await world.wrong(ReembedScene.former) == [])
    }
  }

  @Test(arguments: ReembedTests.engines)
  func `what an application of before the switch writes never stays in the new column`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await ReembedScene.run(engine, rows: 60) { world in
      let former = try Self.application(world, .former)
      let reader = try Self.application(world)
      let exit = try await world.reembed(world.beginning)
      #expect(exit.code == 0, "\(exit.errors)")
      try await Self.readsOn(world)
      Self.expectUnharmed(try await former.end(), [])
      Self.expectUnharmed(try await reader.end())
      // It did write, and what it wrote was kept out.
      #expect(try await world.scene.database.count("content LIKE 'stale %' AND embedding IS NULL") > 0)
      try await Self.expectWhole(world)
    }
  }
}
