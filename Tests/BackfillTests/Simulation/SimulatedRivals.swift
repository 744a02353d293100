import Backfill
import TestSupport

/// Two processes on the same columns, from a seed: the first stands still until its lock is gone, the second takes over
/// with a ledger of its own, and the first wakes and goes on for a while before it finds out.
struct SimulatedRivals {
  private(set) var first: SimulatedWorld
  private(set) var second: SimulatedWorld
  private var random: SeededGenerator
  /// Whether the tables are with the second now.
  private var isSecondsTurn = false
  /// Steps of the first after it had woken.
  private(set) var lateSteps = 0
  /// Rows that it has written in them.
  private(set) var lateWrites = 0
  private(set) var isComplete = false

  private static let mostRuns = 1_000

  init(_ world: SimulatedWorld, seed: UInt64) {
    first = world
    second = world
    random = SeededGenerator(seed: seed)
  }

  mutating func run() {
    first.begin()
    for _ in 0..<Int.random(in: 1...80, using: &random) {
      if case .going = step(second: false) { continue }
      first.begin()
    }
    second = first.successor(seed: random.next())
    isSecondsTurn = true
    second.begin()
    var asleep = Int.random(in: 0...60, using: &random)
    var awake = Int.random(in: 1...60, using: &random)
    var isDone = false
    while !isDone || awake > 0 {
      guard hasNoViolation, second.runs < Self.mostRuns else { return }
      if !isDone {
        asleep -= 1
        switch step(second: true) {
        case .going: break
        case .ended(let ending) where ending.exitCode == .complete: isDone = true
        case .ended, .died: second.begin()
        }
      }
      if awake > 0, isDone || asleep < 0 && random.chance(0.5) {
        awake -= 1
        lateSteps += 1
        let written = first.conductor?.tally.written ?? 0
        guard case .going = step(second: false) else {
          awake = 0
          continue
        }
        lateWrites += (first.conductor?.tally.written ?? 0) - written
      }
    }
    // The second is gone: the first's ledger is used again.
    while !isComplete, hasNoViolation, first.runs < Self.mostRuns {
      give(toSecond: false)
      isComplete = first.run()?.exitCode == .complete
    }
  }

  private var hasNoViolation: Bool { first.violations.isEmpty && second.violations.isEmpty }

  private mutating func give(toSecond: Bool) {
    guard toSecond != isSecondsTurn else { return }
    isSecondsTurn = toSecond
    swap(&first.tables, &second.tables)
  }

  /// A step of one of the two. What the application does is not the other's doing either.
  private mutating func step(second isSecond: Bool) -> SimulatedWorld.Step {
    give(toSecond: isSecond)
    let step: SimulatedWorld.Step
    if isSecond {
      step = second.step(at: first.now)
      first.forget(&second.touched)
    } else {
      step = first.step(at: second.now)
      second.forget(&first.touched)
    }
    return step
  }
}

extension SimulatedWorld {
  /// Another process on the same columns, which has nothing of this one's ledger.
  func successor(seed: UInt64) -> SimulatedWorld {
    var world = SimulatedWorld(job: job, tables: tables, faults: faults, seed: seed)
    world.ledger.unproven = ledger.unproven
    world.now = now
    return world
  }

  /// Somebody else has touched these rows.
  mutating func forget(_ touched: inout [(source: Int, key: Int64)]) {
    for row in touched where present.indices.contains(row.source) { present[row.source].remove(row.key) }
    touched = []
  }
}
