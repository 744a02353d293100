import Backfill
import Foundation
import Testing

@testable import vecfill

@Suite struct FiguresTests {
  @Test(
    arguments: [
      (0, "$0"), (9e-7, "<$0.000001"), (1e-6, "$0.000001"), (1.4e-5, "$0.000014"), (0.00009, "$0.00009"),
      (0.0001, "$0.0001"), (0.00036864, "$0.000369"), (0.001, "$0.0010"), (0.02468, "$0.0247"), (1, "$1.00"),
      (12.345, "$12.35"), (999.999, "$1,000.00"), (10_111_111, "$10,111,111"),
    ])
  func `dollars have one format, and never an exponent`(usd: Double, text: String) {
    #expect(usd.dollars == text)
  }

  @Test(arguments: [(0.02, "$0.02"), (0.125, "$0.125"), (10, "$10"), (100, "$100"), (0.000001, "$0.000001")])
  func `a price is not rounded`(usd: Double, text: String) {
    #expect(usd.price == text)
  }

  @Test(arguments: [(0.0004, "0 ms"), (0.084, "84 ms"), (0.999, "999 ms"), (3.326, "3.3 s"), (125, "2:05")])
  func `a duration below a second is told in milliseconds`(seconds: Double, text: String) {
    #expect(Duration.seconds(seconds).brief == text)
  }

  @Test func `a number and its noun agree`() {
    #expect(1.of("row") == "1 row" && 0.of("row") == "0 rows" && 1204.of("row") == "1,204 rows")
    #expect(2.of("retry", plural: "retries") == "2 retries")
  }

  private struct Report: Encodable {
    struct Part: Encodable { let indexBytes: Int? }
    enum Kind: String, Encodable { case twoWords = "two words" }
    let costUsd: Double?
    let rowsP95: Int
    let at: Date?
    let kind: Kind?
    let parts: [Part?]
    let part: Part?
    let flag: Bool?
    let rate: Double
    let headers: [String: String]
  }

  @Test func `in JSON null stands in the place of what is missing, at every depth`() {
    let report = Report(
      costUsd: nil, rowsP95: 3, at: Date(timeIntervalSince1970: 0), kind: .twoWords,
      parts: [Report.Part(indexBytes: nil), nil], part: nil, flag: nil, rate: .nan, headers: ["X-Team": "a"])
    #expect(
      JSONLine.encode(report)
        == #"{"at":"1970-01-01T00:00:00Z","cost_usd":null,"flag":null,"headers":{"X-Team":"a"},"kind":"two words","part":null,"parts":[{"index_bytes":null},null],"rate":null,"rows_p95":3}"#
    )
    #expect(
      JSONLine.encode([Int]()) == "[]" && JSONLine.encode([Report.Part(indexBytes: 1)]) == #"[{"index_bytes":1}]"#)
  }

  @Test(
    arguments: [
      (["run", "--log-format", "json"], true), (["run", "--log-format=json"], true), (["check", "--json"], true),
      (["run", "--log-format", "text"], false), (["search", "--", "--json"], false), (["run"], false),
    ] as [([String], Bool)])
  func `a command line asks for JSON also where it can't be understood`(arguments: [String], isJSON: Bool) {
    #expect((LogFormat(arguments: arguments) == .json) == isJSON)
  }
}
