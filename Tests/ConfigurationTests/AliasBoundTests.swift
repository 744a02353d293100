import Backfill
import Foundation
import Testing

@testable import Configuration

/// A file of a few lines can't stand for billions of values.
@Suite(.timeLimit(.minutes(1)))
struct AliasBoundTests {
  /// Aliases of aliases, each line nine times what the one before is: 9^9 values under `&i`.
  private static let nested =
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + zip("abcdefgh", "bcdefghi").map { inner, outer in
      "\(outer): &\(outer) [\(repeatElement("*\(inner)", count: 9).joined(separator: ", "))]\n"
    }.joined()

  @Test(arguments: [
    "body:\n  \(nested.replacing("\n", with: "\n  "))\n", "\(nested)? *i\n: 1\n", "\(nested)? [*i]\n: 1\n",
    "a: &a [x, x]\n" + String(repeating: "a: &a [*a, *a]\n", count: 40) + "? *a\n: 1\n",
    "a: &a [\(String(repeating: "x,", count: 5_000))]\nbody: [\(String(repeating: "*a,", count: 5_000))]\n",
  ])
  func `aliases that stand for too much are refused before anything is made of them`(lines: String) throws {
    let workspace = try Workspace()
    let line = try failureLine { _ = try workspace.configuration(spec: lines) }
    #expect(
      line == "job.yaml: has aliases that may stand for more than a whole file does; write out what they stand for")
  }

  @Test func `aliases as people use them are taken`() throws {
    let workspace = try Workspace()
    let sources = (0..<40).map { "  - {table: t\($0), where: *rule, text: *text}\n" }.joined()
    try workspace.write(
      "sources:\n  - {table: t, where: &rule \"a * b > 1 && c & d\", text: &text [title, body]}\n\(sources)",
      to: "job.yaml")
    let configuration = try JobConfiguration(spec: "job.yaml", process: workspace.process)
    #expect(configuration.spec?.sources.count == 41)
    #expect(configuration.spec?.sources.last?.condition == "a * b > 1 && c & d")
  }

  @Test(arguments: [
    ("", 0), ("abc", 3), ("&a x *a", 12), ("*a &a", 5), ("&a x &a y *a", 22), ("- &a-1 xy\n- *a-1 *a-1", 41),
  ])
  func `the bound is the text's length and that of what each alias stands for`(text: String, bytes: Int) {
    #expect(AliasBound(text).bytes == bytes)
  }
}
