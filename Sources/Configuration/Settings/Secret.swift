/// A value that is never printed: its description, its dump and its JSON are the redacted form (P10).
package struct Secret: Hashable, Sendable {
  private let value: String
  /// What may be shown in its place.
  package let redacted: String

  init(_ value: String, shownAs redacted: String) {
    self.value = value
    self.redacted = redacted
  }

  /// The value itself, for the one place that sends it.
  package func reveal() -> String { value }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { redacted }
  package var debugDescription: String { redacted }
  package var customMirror: Mirror { Mirror(self, children: ["redacted": redacted]) }
}

extension Secret: Encodable {
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(redacted)
  }
}
