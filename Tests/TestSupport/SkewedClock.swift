/// A host's clock that is wrong: scripts/crash.d/clock.c.
package final class SkewedClock: Sendable {
  private let library: PreloadedLibrary

  package init() throws {
    library = try PreloadedLibrary(of: RepositoryFiles.path("scripts/crash.d/clock.c"))
  }

  /// - Parameter seconds: so many ahead of the real time, or behind it.
  package func environment(ahead seconds: Int) -> [String: String] {
    library.environment.merging(["VECFILL_TEST_CLOCK": "\(seconds)"]) { own, _ in own }
  }
}
