/// In which order of their keys a source's rows are filled.
package enum RowOrder: String, CaseIterable, Sendable, Codable {
  /// From the lowest key to the greatest.
  case oldest
  /// From the greatest key to the lowest.
  case newest
}
