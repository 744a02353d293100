import Backfill
import Foundation
import Testing

@Suite struct FailureClassTests {
  @Test func `every kind of failure has one row in the table`() {
    #expect(FailureClass.table.map(\.kind.rawValue).sorted() == EmbeddingFailure.Kind.allCases.map(\.rawValue).sorted())
    for kind in EmbeddingFailure.Kind.allCases { #expect(kind.failureClass.kind == kind) }
  }

  @Test func `the table in docs is the table in the code`() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs/provider-errors.md")
    let told = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("| ") }.dropFirst()
    let rows = FailureClass.table.map {
      "| \($0.kind.rawValue) | \($0.reaction.rawValue) | \($0.tries) | \($0.exitCode.rawValue) | \($0.remedy) |"
    }
    #expect(Array(told) == rows)
  }
}
