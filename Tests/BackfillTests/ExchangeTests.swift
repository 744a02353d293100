import Backfill
import Testing

/// The decisions of an export and a load.
@Suite struct ExchangeTests {
  @Test(arguments: [
    ([[0.6, 0.8]], [], 2, VectorVerdict.taken([0.6, 0.8], isUnit: true)),
    ([[3, 4]], [], 2, .taken([3, 4], isUnit: false)),
    ([[1, 0], [0, 1]], [1, 1], 2, .taken([0.70710677, 0.70710677], isUnit: true)),
  ])
  func `a good vector is taken, and one of several parts is their mean`(
    vectors: [[Float]], weights: [Int], dimensions: Int, verdict: VectorVerdict
  ) {
    #expect(VectorVerdict(vectors, weights: weights, dimensions: dimensions, cut: .provider) == verdict)
  }

  @Test(
    arguments: [
      ([[1, 0, 0]], [], "3 dimensions"), ([[1]], [], "1 dimensions"), ([[]], [], "0 dimensions"), ([], [], "0 vectors"),
      ([[.nan, 1]], [], "not finite"), ([[.infinity, 1]], [], "not finite"), ([[0, 0]], [], "all zeros"),
      ([[1, 0]], [2, 3], "1 vectors, and 2"), ([[1, 0], [1, 0]], [], "2 vectors, and 1"),
      ([[1, 0], [-1, 0]], [1, 1], "all zeros"),
    ] as [([[Float]], [Int], String)])
  func `a vector that can't be right is refused with the reason`(vectors: [[Float]], weights: [Int], reason: String) {
    guard case .refused(let told) = VectorVerdict(vectors, weights: weights, dimensions: 2, cut: .provider) else {
      Issue.record("taken")
      return
    }
    #expect(told.contains(reason), "\(told)")
  }

  @Test func `a longer vector is cut only where the job cuts`() {
    let long: [[Float]] = [[3, 4, 12]]
    #expect(VectorVerdict(long, weights: [], dimensions: 2, cut: .local) == .taken([0.6, 0.8], isUnit: true))
    #expect(
      VectorVerdict([[1]], weights: [], dimensions: 2, cut: .local)
        == .refused("its vector has 1 dimensions, and the job's have 2"))
  }

  @Test func `a tally names the first of each kind and ends with the gravest`() {
    var tally = LoadTally()
    #expect(tally.failure(of: "d") == nil)
    for line in 1...5 { tally.stale.add(LinePlace(file: "a", line: line)) }
    #expect(tally.stale.count == 5 && tally.stale.first.count == 3 && tally.failure(of: "d") == nil)
    tally.locked.add(LinePlace(file: "a", line: 9))
    #expect(tally.failure(of: "d")?.exitCode == .unavailable)
    var more = LoadTally()
    more.refuse(LinePlace(file: "b", line: 1), "wrong")
    tally.add(more)
    let failure = tally.failure(of: "d")
    #expect(failure?.exitCode == .badData && failure?.reason.contains("b:1: wrong") == true)
  }
}
