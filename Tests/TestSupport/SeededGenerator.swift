import Foundation

/// SplitMix64: the same numbers from the same seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  /// The numbers of a random test: of the seed that `VECFILL_SEED` gives, otherwise of a new one. It is printed, so that a
  /// failure can be repeated with it.
  ///
  /// - Parameter test: the test, and its case where it has several.
  package static func printed(of test: String = #function) -> SeededGenerator {
    let given = ProcessInfo.processInfo.environment["VECFILL_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: .min ... .max)
    print("seed: VECFILL_SEED=\(seed) repeats \(test)")
    return SeededGenerator(seed: seed)
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  package mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }
}
