import Foundation

/// How many cases the longest tests have: `scripts/chaos soak` runs every one, `scripts/test` a share in which each place
/// of a kill and each engine still has its turn.
package enum Soak {
  package static let isFull = ProcessInfo.processInfo.environment["VECFILL_CHAOS"] == "soak"

  /// Each of `engines` with each of `values` in a soak, otherwise each value with one engine, which take turns.
  ///
  /// - Parameter first: which engine the first value has.
  package static func cases<Engine, Value>(
    _ engines: [Engine], _ values: [Value], first: Int = 0
  ) -> [(Engine, Value)] {
    values.enumerated().flatMap { index, value in
      isFull ? engines.map { ($0, value) } : [(engines[(first + index) % engines.count], value)]
    }
  }
}
