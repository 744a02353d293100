/// Vectors that are longer than needed are shortened here to their first values, and brought to unit length: what Matryoshka
/// models are made for.
struct LocalCut: Sendable {
  /// The length that every vector has as it comes; nil as long as no reply has told it.
  var fullLength: Int?
}
