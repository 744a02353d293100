import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A scene whose job has `spool: database`, and whose ledger can be lost with its disk.
struct SpoolScene: Sendable {
  let scene: Scene

  static func run(
    _ engine: ChatDatabase.Engine, rules: [EmbeddingsServer.Rule] = [], extra: String = "",
    _ body: (SpoolScene) async throws -> Void
  ) async throws {
    try await Scene.run(engine, rules: rules) { scene in
      try scene.write(spec: scene.spec + "\nspool: database\n" + extra)
      try await body(SpoolScene(scene: scene))
    }
  }

  /// How many replies the database holds.
  func held() async throws -> Int {
    guard try await scene.database.rows("SELECT to_regclass('vecfill_spool')")[0][0] != nil else { return 0 }
    return try await scene.database.rows("SELECT count(*) FROM vecfill_spool").first?[0].flatMap { Int($0) } ?? 0
  }

  /// The texts of which the vector is in a row or in the database's spool.
  func durableTexts() async throws -> Set<TextDigest> {
    guard try await scene.database.rows("SELECT to_regclass('vecfill_spool')")[0][0] != nil else { return [] }
    let rows = try await scene.database.rows(
      """
      SELECT content FROM chat_messages WHERE embedding IS NOT NULL OR id IN (
        SELECT (r->>'k')::int FROM vecfill_spool, jsonb_array_elements(convert_from(contents, 'UTF8')::jsonb->'rows') r)
      """)
    return Set(rows.compactMap { $0[0].map { TextDigest(of: $0) } })
  }

  func kill(_ process: VecfillProcess) async throws {
    process.send(SIGKILL)
    #expect(await process.exit().signal == SIGKILL)
    try await KillTests.endSessions(of: scene)
  }

  func loseLedger() throws {
    try FileManager.default.removeItem(atPath: scene.folder.file("ledger"))
  }

  /// Starts a run whose replies are all received while no row can be written, and kills it; the rows are free then.
  func dieBeforeTheRows(replies: Int) async throws {
    let rows = try await KillTests.holdRows(of: scene, .postgres16)
    let process = try scene.start(["run", "job.yaml"])
    try await scene.wait { $0.totals.spooledBatches == replies }
    #expect(try await held() == replies)
    try await kill(process)
    rows.release()
  }

  /// A run to its end after which every row is right and the database's spool is empty.
  func complete() async throws -> VecfillProcess.Exit {
    let exit = try await scene.fill()
    #expect(exit.code == 0, "\(exit.errors)")
    #expect(try await scene.wrongRows() == [])
    #expect(try await held() == 0)
    return exit
  }
}
