import Foundation
import TestSupport
import Testing

/// A ledger's disk that is full: what is sent is stored, and what could not be stored is not sent, so that nothing is paid
/// twice however often the run is tried again.
@Suite(.enabled(if: SmallDisk.isPossible, "only root can mount a file system"))
struct FullDiskTests {
  private static func run(_ rules: [EmbeddingsServer.Rule] = [], _ body: (Scene, SmallDisk) async throws -> Void)
    async throws
  {
    var options = EmbeddingsServer.Options()
    options.dimensions = 512
    try await Scene.run(.sqlite, options, rules: rules) { scene in
      try await scene.database.run(
        "ALTER TABLE chat_messages DROP COLUMN embedding; ALTER TABLE chat_messages ADD embedding VECTOR(512)")
      try scene.write(
        spec: """
          sources:
            - table: chat_messages
          model: text-embedding-3-small
          dimensions: 512
          batch_size: 100
          concurrency: 4
          limits:
            requests_per_minute: 1000000
            tokens_per_minute: 1000000000
          """)
      try await scene.database.insert((0..<2_000).map { "message \($0)" })
      try await body(scene, try SmallDisk(in: scene.folder, megabytes: 32))
    }
  }

  private static func fill(_ scene: Scene, _ disk: SmallDisk) async throws -> VecfillProcess.Exit {
    try await scene.fill([], ["VECFILL_LEDGER": disk.path + "/vecfill.db"])
  }

  /// However often the run is tried on the full disk.
  private static func expectNothingSent(_ scene: Scene, _ disk: SmallDisk) async throws {
    let sent = scene.server.record.requests.count
    for _ in 1...3 {
      let exit = try await fill(scene, disk)
      #expect(exit.code == 74, "\(exit.errors)")
    }
    #expect(scene.server.record.requests.count == sent)
  }

  @Test(arguments: [false, true])
  func `a disk that was full before is told before anything is sent, as often as it is tried`(hasRun: Bool) async throws
  {
    try await Self.run { scene, disk in
      if hasRun {
        try await scene.database.run("UPDATE chat_messages SET content = '' WHERE id > 150")
        #expect(try await Self.fill(scene, disk).code == 0)
        try await scene.database.run("UPDATE chat_messages SET content = 'message ' || id WHERE id > 150")
      } else {
        _ = try await scene.start(["status", "--ledger", disk.path + "/vecfill.db"]).exit()
        try await scene.database.run("ALTER TABLE chat_messages RENAME TO away")
        _ = try await Self.fill(scene, disk)
        try await scene.database.run("ALTER TABLE away RENAME TO chat_messages")
      }
      #expect(try disk.fill() > 20 << 20)
      try await Self.expectNothingSent(scene, disk)
      try disk.empty()
      let exit = try await Self.fill(scene, disk)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test(arguments: [1, 2])
  func `a disk that fills while replies are under way takes these, and no more are asked for`(answers: Int) async throws
  {
    let gate = EmbeddingsServer.Gate()
    try await Self.run([.requests(answers..<100_000, .hold(gate, then: .answer))]) { scene, disk in
      let vecfill = try scene.start(["run", "job.yaml"], ["VECFILL_LEDGER": disk.path + "/vecfill.db"])
      try await scene.server.wait { $0.inFlight == 4 && $0.requests.count >= answers + 4 }
      #expect(try disk.fill() > 8 << 20)
      gate.open()
      let exit = await vecfill.exit()
      #expect(exit.code == 74, "\(exit.errors)")
      #expect(exit.errors.contains("were not sent"), "\(exit.errors)")
      let sent = scene.server.record.requests.count
      #expect((answers + 4...answers + 8).contains(sent))
      #expect(scene.server.record.billed.count == 100 * sent)
      #expect(try await scene.database.count("embedding IS NOT NULL") == 100 * sent)
      try await Self.expectNothingSent(scene, disk)
      try disk.empty()
      let last = try await Self.fill(scene, disk)
      #expect(last.code == 0, "\(last.errors)")
      #expect(!last.output.contains("possibly paid"), "\(last.output)")
      #expect(scene.server.record.billedAgain == 0)
      #expect(scene.server.record.requests.count == 20)
    }
  }
}
