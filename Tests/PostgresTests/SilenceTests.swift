import Testing

@testable import Postgres

/// When a server that says nothing is asked about, and when it is given up.
@Suite struct SilenceTests {
  static let start = ContinuousClock.now
  static func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

  @Test func `a statement that goes on is asked about again and again, and never given up`() {
    var silence = Silence(interval: .seconds(20), since: Self.start)
    #expect(!silence.isDue(at: Self.at(19)))
    for round in 1...500 {
      let now = Self.at(20 * Double(round))
      #expect(silence.isDue(at: now))
      #expect(silence.found(.working, at: now) == nil)
      #expect(!silence.isDue(at: now + .seconds(19)))
    }
  }

  @Test(arguments: [Silence.Finding.lost, .dead("refused")])
  func `what is lost is given up when it was found twice in a row`(_ finding: Silence.Finding) {
    var silence = Silence(interval: .seconds(20), since: Self.start)
    #expect(silence.found(finding, at: Self.at(20)) == nil)
    #expect(silence.found(.working, at: Self.at(25)) == nil)
    #expect(silence.found(finding, at: Self.at(45)) == nil)
    #expect(!silence.isDue(at: Self.at(49)))
    #expect(silence.isDue(at: Self.at(50)))
    #expect(silence.found(finding, at: Self.at(50)) != nil)
  }

  @Test func `where nobody can tell, it is given up after five minutes`() {
    var silence = Silence(interval: .seconds(20), since: Self.start)
    for round in 1..<15 { #expect(silence.found(.unknown, at: Self.at(20 * Double(round))) == nil) }
    #expect(silence.found(.unknown, at: Self.at(300)) != nil)
  }
}
