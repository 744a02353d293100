import Foundation
import TestSupport
import Testing

/// Processes that meet a ledger of the first version at the same instant, half of which only read it.
@Suite struct OldLedgerTests {
  @Test func `it is brought up to date once, and every process gets what it asks for`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<20).map { "message \($0)" })
      for round in 0..<4 {
        let ledger = scene.folder.file("old\(round)/vecfill.db")
        try await FirstLedger.make(at: ledger)
        let commands: [[String]] =
          [["run", "job.yaml"]] + (0..<3).map { _ in ["quarantine", "retry"] }
          + [["status"], ["cost"], ["ledger", "check"], ["quarantine", "list"]]
        let processes = try commands.map { try scene.start($0, ["VECFILL_LEDGER": ledger]) }
        for (command, process) in zip(commands, processes) {
          let exit = await process.exit()
          #expect(exit.code == 0, "round \(round), \(command): \(exit.errors)")
        }
        let cost = try await scene.start(["cost", "--json"], ["VECFILL_LEDGER": ledger]).exit()
        #expect(cost.output.contains("0.5"), "\(cost.output)\(cost.errors)")
        let check = try await scene.start(["ledger", "check"], ["VECFILL_LEDGER": ledger]).exit()
        #expect(check.code == 0 && !check.output.contains("earlier"), "\(check.output)\(check.errors)")
        try await scene.database.run("UPDATE chat_messages SET embedding = NULL")
      }
    }
  }
}
