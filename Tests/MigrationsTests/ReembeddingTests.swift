import Backfill
import Foundation
import Migrations
import Testing

/// What may be asked of a reembedding, step by step.
@Suite struct ReembeddingTests {
  private static let target = Reembedding.Target(provider: nil, model: "new", dimensions: 8)
  private static let now = Date(timeIntervalSince1970: 1_000_000)

  private static func reembedding(_ step: Reembedding.Step, switchedDaysAgo days: Double = 0) -> Reembedding {
    var reembedding = Reembedding(
      table: SQLName(schema: "public", "messages"), column: "embedding", job: "chat", former: "old", target: target,
      keepDays: 7)
    reembedding.step = step
    if reembedding.isSwitched { reembedding.switchedAt = now.addingTimeInterval(-days * 86_400) }
    return reembedding
  }

  private static func refusal(
    _ request: ReembeddingRequest, _ step: Reembedding.Step, switchedDaysAgo days: Double = 0
  ) -> String? {
    do {
      try reembedding(step, switchedDaysAgo: days).admit(request, at: now)
      return nil
    } catch {
      return error.description
    }
  }

  @Test(arguments: Reembedding.Step.allCases) func `another model is refused at every step, and the same goes on`(
    step: Reembedding.Step
  ) {
    #expect(Self.refusal(.goOn(to: nil), step) == nil)
    #expect(Self.refusal(.goOn(to: Self.target), step) == nil)
    for other in [
      Reembedding.Target(provider: nil, model: "third", dimensions: 8),
      Reembedding.Target(provider: nil, model: "new", dimensions: 16),
      Reembedding.Target(provider: "voyage", model: "new", dimensions: 8),
    ] {
      let refusal = Self.refusal(.goOn(to: other), step)
      #expect(refusal?.contains("changed to new, 8 dimensions by job chat") == true)
      #expect(refusal?.contains(step >= .rest ? "--undo" : "--abandon") == true)
    }
  }

  @Test(arguments: Reembedding.Step.allCases) func `a column is dropped only while the application reads the other`(
    step: Reembedding.Step
  ) {
    let isSwitched = step == .rest || step == .keep
    #expect((Self.refusal(.abandon, step) == nil) == !isSwitched)
    #expect((Self.refusal(.undo, step) == nil) == isSwitched)
    #expect((Self.refusal(.finish(isConsented: true), step) == nil) == (step == .keep))
    #expect(Self.reembedding(step).columnBeside == (isSwitched ? "embedding_old" : "embedding_new"))
  }

  @Test func `the former column is kept for its days, unless somebody agrees`() {
    #expect(
      Self.refusal(.finish(isConsented: false), .keep, switchedDaysAgo: 6.9)?.contains("is kept until 1970-01-12")
        == true)
    #expect(Self.refusal(.finish(isConsented: true), .keep, switchedDaysAgo: 6.9) == nil)
    #expect(Self.refusal(.finish(isConsented: false), .keep, switchedDaysAgo: 7) == nil)
  }

  @Test(arguments: [1, 59, 60, 63]) func `a name beside another is never longer than PostgreSQL's`(length: Int) {
    for name in [String(repeating: "a", count: length), String(repeating: "é", count: length / 2)] {
      let beside = Reembedding.beside(name, "_new")
      #expect(beside.utf8.count <= 63)
      #expect(beside.hasSuffix("_new"))
      #expect(beside != Reembedding.beside(name, "_old"))
    }
  }

  @Test func `a column that was dropped by hand can only be ended the way that it went`() {
    for step in Reembedding.Step.allCases {
      var reembedding = Self.reembedding(step)
      reembedding.isHalfDropped = true
      func isAdmitted(_ request: ReembeddingRequest) -> Bool {
        (try? reembedding.admit(request, at: Self.now)) != nil
      }
      #expect(!isAdmitted(.goOn(to: nil)) && !isAdmitted(.undo))
      #expect(isAdmitted(.abandon) == !reembedding.isSwitched)
      #expect(isAdmitted(.finish(isConsented: false)) == reembedding.isSwitched)
    }
  }

  @Test(
    arguments: [
      // A good index, and one that is not.
      (30, 0.4, 0.96, 0.97, nil), (30, 0.4, 0.89, 0.97, "recall@10 is 89.0%, less than 90.0%"),
      // Of a column that had none.
      (30, 0.4, 0.89, nil, "recall@10 is 89.0%, less than 90.0%"), (30, 0.4, nil, nil, nil),
      // The application lives with less, and 10 points less is too much.
      (30, 0.4, 0.5, 0.55, nil), (30, 0.4, 0.44, 0.55, "recall@10 is 44.0%, less than 45.0%"),
      (30, 0.4, 0.1, 0.05, nil),
      // How much two models agree depends on the texts.
      (30, 0, 1, 1, nil),
      // A few rows tell nothing.
      (9, 0, 0, 1, nil), (10, 0, 0.5, 1, "recall@10 is 50.0%, less than 90.0%"),
    ] as [(Int, Double, Double?, Double?, String?)])
  func `where nothing is asked for, what can't be meant stops`(
    samples: Int, overlap: Double, recall: Double?, former: Double?, shortfall: String?
  ) {
    let comparison = ReembeddingComparison(samples: samples, overlap: overlap, recall: recall, formerRecall: former)
    #expect(comparison.shortfall(leastOverlap: nil, leastRecall: nil) == shortfall)
    #expect(comparison.shortfall(leastOverlap: 0, leastRecall: 0) == nil)
    #expect((comparison.doubt != nil) == (overlap < 0.05 && samples >= 10))
  }

  @Test func `a comparison stops at what was asked for`() {
    let comparison = ReembeddingComparison(samples: 30, overlap: 0.4, recall: 0.96)
    #expect(comparison.shortfall(leastOverlap: nil, leastRecall: nil) == nil)
    #expect(comparison.shortfall(leastOverlap: 0.4, leastRecall: 0.95) == nil)
    #expect(
      comparison.shortfall(leastOverlap: 0.5, leastRecall: 0.99)
        == "overlap@10 is 40.0%, less than 50.0%, and recall@10 is 96.0%, less than 99.0%")
    let none = ReembeddingComparison(samples: 0, overlap: nil, recall: nil)
    #expect(none.shortfall(leastOverlap: 0.5, leastRecall: 0.5) == nil)
    #expect(none.description == "no row has both vectors: nothing to compare")
  }
}
