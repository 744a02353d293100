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
}
