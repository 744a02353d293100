/// How a row's text becomes the input that is embedded; part of a column's fingerprint (P4).
package struct TextPreparation: Hashable, Sendable, Codable {
  package enum Newlines: String, Sendable, Codable, CaseIterable {
    /// The text as it is.
    case keep
    /// Each U+000A becomes one space; U+000D stays. What the original chat application does.
    case space
  }

  /// What becomes of a text with more tokens than the model takes in one input.
  package enum TooLong: String, Sendable, Codable, CaseIterable {
    /// Its first tokens are embedded, as many as the model takes.
    case truncate
    /// Its parts are embedded, and their vectors joined: the mean, weighted by tokens, of length 1.
    case average
    /// It is not sent; its row is put into quarantine.
    case quarantine
  }

  /// The default is `keep`.
  package var newlines: Newlines
  /// The default is `quarantine`: the original application leaves such a message without a vector, and a vector that
  /// stands for less than its text is nothing that a run makes unasked.
  package var tooLong: TooLong

  package init(newlines: Newlines = .keep, tooLong: TooLong = .quarantine) {
    self.newlines = newlines
    self.tooLong = tooLong
  }

  /// The input for `text`; nil where it is blank, that is empty or only white space, and so excluded.
  package func input(for text: String) -> String? {
    guard !text.isBlank else { return nil }
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

extension String {
  /// Whether it is empty or only white space.
  package var isBlank: Bool { unicodeScalars.allSatisfy { $0.properties.isWhitespace } }
}
