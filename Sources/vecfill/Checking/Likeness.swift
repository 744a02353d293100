import Backfill

/// Whether two vectors of one server stand for the same text, by how far it gives one text two vectors.
struct Likeness: Equatable, Sendable {
  /// The cosine distance between two vectors of the very same text; 0 where the server is deterministic.
  let noise: Double

  /// Two texts of which an eighth differs are about ten times as far apart, or more.
  private static let least = 1e-4

  /// Whether the server is steady enough for a comparison.
  var isSteady: Bool { noise <= 1e-3 }

  /// By the cosine, since servers round otherwise from one batch to another.
  func isSame(distance: Double) -> Bool { distance <= max(Self.least, 10 * noise) }

  static func distance(_ one: some Collection<Float>, _ other: some Collection<Float>) -> Double {
    max(0, 1 - one.cosine(to: other))
  }
}
