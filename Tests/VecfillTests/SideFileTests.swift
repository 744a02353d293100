import Foundation
import GRDB
import TestSupport
import Testing

/// Commands that only read leave no file beside a database or a ledger.
@Suite struct SideFileTests {
  static let commands = [
    ["estimate", "job.yaml"], ["run", "job.yaml", "--dry-run"], ["status"], ["cost"], ["quarantine", "list"],
    ["search", "message", "job.yaml"], ["config"], ["check", "job.yaml"], ["check", "job.yaml", "--offline"],
  ]

  @Test(arguments: commands, ["delete", "wal"])
  func `a command that reads leaves nothing beside a SQLite file`(_ command: [String], _ mode: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<20).map { "message \($0)" })
      #expect(try await scene.fill().code == 0)
      try await scene.database.insert(["one more"])
      for path in [scene.folder.file("chat.db"), scene.ledgerPath] {
        let queue = try DatabaseQueue.patient(path)
        let set = try await queue.writeWithoutTransaction {
          try String.fetchOne($0, sql: "PRAGMA journal_mode = \(mode)")
        }
        #expect(set == mode)
        try queue.close()
      }
      let before = try Self.files(scene)
      #expect(!before.contains { $0.hasSuffix("-wal") || $0.hasSuffix("-shm") })
      let exit = try await scene.start(command).exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try Self.files(scene) == before)
    }
  }

  /// All files, with what is in those that don't change by being looked at.
  private static func files(_ scene: Scene) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: scene.folder.path).sorted()
  }
}
