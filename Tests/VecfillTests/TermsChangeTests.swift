import Backfill
import Testing

@testable import vecfill

/// What `vecfill set` makes of its words.
@Suite struct TermsChangeTests {
  static let terms = Terms(
    limits: Job.Limits(requestsPerMinute: 3_000, tokensPerMinute: nil), concurrency: 8, budget: Job.Budget(usd: 2))

  @Test func `several are taken together, and told with what was before`() throws {
    let (terms, told) = try TermsChange.apply(
      ["rpm=500", "tpm=1000000", "concurrency=16", "budget=0.5"], to: Self.terms, hasPrice: true)
    #expect(
      told == "set rpm=500 (was 3,000), tpm=1,000,000 (was none), concurrency=16 (was 8), budget=$0.5000 (was $2.00)")
    #expect(
      terms
        == Terms(
          limits: Job.Limits(requestsPerMinute: 500, tokensPerMinute: 1_000_000), concurrency: 16,
          budget: Job.Budget(usd: 0.5)))
  }

  @Test func `none lifts what the job set`() throws {
    let (terms, _) = try TermsChange.apply(["rpm=none", "budget=none"], to: Self.terms, hasPrice: false)
    #expect(terms == Terms(limits: Job.Limits(), concurrency: 8, budget: nil))
  }

  @Test(arguments: [
    ([], true), (["rpm"], true), (["rpm="], true), (["rpm=0"], true), (["rpm=-5"], true), (["rpm=1e3"], true),
    (["rpm=５"], true), (["RPM=5"], true), (["concurrency=0"], true), (["concurrency=257"], true),
    (["concurrency=none"], true), (["budget=nan"], true), (["budget=0"], true), (["budget=5"], false),
    (["rpm=5", "tpm=x"], true), (["rpm=99999999999999999999"], true),
  ])
  func `anything else is refused`(words: [String], hasPrice: Bool) {
    let failure = #expect(throws: Failure.self) {
      try TermsChange.apply(words, to: Self.terms, hasPrice: hasPrice)
    }
    #expect(failure?.exitCode == .usage)
  }
}
