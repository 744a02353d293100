import Backfill
import Testing

@Suite struct LookPaceTests {
  @Test func `it looks at once, then ever more seldom, and at once again where something was found or told`() {
    var pace = LookPace(at: .zero)
    #expect(pace.due == .zero)
    var waits: [Duration] = []
    for _ in 0..<7 {
      let now = pace.due
      pace.looked(for: .milliseconds(2), found: false, at: now)
      waits.append(pace.due - now)
    }
    #expect(waits == [1, 2, 4, 8, 15, 15, 15].map { .seconds($0) })
    let now = pace.due - .seconds(3)
    pace.hurry(at: now)
    #expect(pace.due == now)
    pace.looked(for: .milliseconds(2), found: true, at: now)
    #expect(pace.due == now)
    pace.looked(for: .milliseconds(2), found: false, at: now)
    #expect(pace.due == now + .seconds(1))
  }

  @Test(arguments: [0.01, 0.1, 1, 60])
  func `looking takes no more than a twentieth of the time, however long a look takes`(_ seconds: Double) {
    var pace = LookPace(at: .zero)
    var looking: Duration = .zero
    for _ in 0..<100 {
      let end = pace.due + .seconds(seconds)
      looking += .seconds(seconds)
      pace.looked(for: .seconds(seconds), found: false, at: end)
    }
    #expect(looking <= pace.due / 20)
  }
}
