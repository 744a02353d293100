import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@Suite struct LedgerTogetherTests {
  @Test func `a ledger that several open for the first time at once is made once, and all get it`() async throws {
    let folder = try TemporaryFolder()
    for round in 0..<20 {
      let path = folder.file("ledger-\(round).db")
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<8 {
          group.addTask { try await Ledger.open(at: path).jobs().count }
        }
        for try await jobs in group { #expect(jobs == 0) }
      }
    }
  }

  /// Half of them only read it.
  @Test func `a ledger of the first version that several open at once is brought up to date once, and all get it`()
    async throws
  {
    let folder = try TemporaryFolder()
    for round in 0..<20 {
      let path = folder.file("ledger-\(round)/vecfill.db")
      try await FirstLedger.make(at: path)
      try await withThrowingTaskGroup(of: Ledger.JobStatus?.self) { group in
        for opener in 0..<16 {
          group.addTask {
            guard opener % 2 == 0 else { return try await Ledger.openForReading(at: path)?.jobs().first }
            return try await Ledger.open(at: path).jobs().first
          }
        }
        for try await job in group {
          #expect(job?.job == "chat")
          #expect(job?.totals.requests == 1)
        }
      }
      let found = try #require(try await Ledger.inspect(at: path))
      #expect(found.findings.isEmpty && !found.isOlder)
    }
  }
}
