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
  /// The default is `quarantine`: the original application leaves such a message without a vector, and a run doesn't embed
  /// a part of a text unless the job says so.
  package var tooLong: TooLong
  /// Stands before each text, as several models want it, e.g. "search_document: ". The default is none.
  package var prefix: String
  /// The most bytes of what is sent of a text, or of each of its parts, where texts are cut by their bytes since nobody here
  /// can count the model's tokens. The default is nil: they are cut at tokens, or not at all.
  package var mostBytes: Int?
  /// Whether the prefix stands before the first part alone, as earlier versions averaged. No job prepares texts so now.
  package private(set) var prefixesFirstPartOnly = false

  package init(
    newlines: Newlines = .keep, tooLong: TooLong = .quarantine, prefix: String = "", mostBytes: Int? = nil
  ) {
    self.newlines = newlines
    self.tooLong = tooLong
    self.prefix = prefix
    self.mostBytes = mostBytes
  }

  /// The same where a text that is too long is not sent.
  var withoutFitting: TextPreparation {
    TextPreparation(newlines: newlines, tooLong: .quarantine, prefix: prefix)
  }

  /// Whether each part of a text that is too long has the prefix.
  var prefixesEachPart: Bool { tooLong == .average && !prefix.isEmpty && !prefixesFirstPartOnly }

  /// The input for `text`; nil where it is blank, that is empty or only white space, and so excluded.
  package func input(for text: String) -> String? {
    guard !text.isBlank else { return nil }
    guard !leavesAsIs(text) else { return text }
    var bytes = Array(text.utf8)
    if newlines == .space { for index in bytes.indices where bytes[index] == 0x0A { bytes[index] = 0x20 } }
    return prefix + String(decoding: bytes, as: UTF8.self)
  }

  /// Whether a text that isn't blank is its own input.
  package func leavesAsIs(_ text: String) -> Bool {
    switch newlines {
    case .keep: prefix.isEmpty
    case .space: prefix.isEmpty && !text.utf8.contains(0x0A)
    }
  }
}

/// A record has no key for what is not added, so that vecfill of before there were prefixes reads it too. Where parts of
/// texts have no key `prefixed`, an earlier version made them, with the prefix before the first one alone.
extension TextPreparation {
  private enum CodingKeys: CodingKey {
    case newlines, tooLong, prefix, mostBytes, prefixed
  }

  private static let eachPart = "each part"

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      newlines: try container.decode(Newlines.self, forKey: .newlines),
      tooLong: try container.decode(TooLong.self, forKey: .tooLong),
      prefix: try container.decodeIfPresent(String.self, forKey: .prefix) ?? "",
      mostBytes: try container.decodeIfPresent(Int.self, forKey: .mostBytes))
    let prefixed = try container.decodeIfPresent(String.self, forKey: .prefixed)
    prefixesFirstPartOnly = prefixesEachPart && prefixed != TextPreparation.eachPart
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(newlines, forKey: .newlines)
    try container.encode(tooLong, forKey: .tooLong)
    if !prefix.isEmpty { try container.encode(prefix, forKey: .prefix) }
    if let mostBytes { try container.encode(mostBytes, forKey: .mostBytes) }
    if prefixesEachPart { try container.encode(TextPreparation.eachPart, forKey: .prefixed) }
  }
}

extension String {
  /// Whether it is empty or only white space.
  package var isBlank: Bool { unicodeScalars.allSatisfy { $0.isWhiteSpace } }
}
