/// How a row's text becomes the input that is embedded; part of a column's fingerprint (P4).
package struct TextPreparation: Hashable, Sendable, Codable {
  package enum Newlines: String, Sendable, Codable, CaseIterable {
    /// The text as it is.
    case keep
    /// Each U+000A becomes one space; U+000D stays. What the original chat application does.
    case space
  }

  /// The default is `keep`.
  package var newlines: Newlines

  package init(newlines: Newlines = .keep) {
    self.newlines = newlines
  }

  /// The input for `text`; nil where it is blank, that is empty or only white space, and so excluded.
  package func input(for text: String) -> String? {
    guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else { return nil }
    guard !leavesAsIs(text) else { return text }
    var bytes = Array(text.utf8)
    for index in bytes.indices where bytes[index] == 0x0A { bytes[index] = 0x20 }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whether a text that isn't blank is its own input.
  package func leavesAsIs(_ text: String) -> Bool {
    switch newlines {
    case .keep: true
    case .space: !text.utf8.contains(0x0A)
    }
  }
}
