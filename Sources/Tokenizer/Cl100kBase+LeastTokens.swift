extension Cl100kBase {
  /// The most bytes that a token of its vocabulary has.
  static let longestToken = 128

  /// A number of tokens that `text` has at least, which needs no vocabulary.
  ///
  /// A token has 128 bytes at most. And the splitting pattern lets a white space stand before a letter or a digit only at
  /// a piece's beginning, and each piece is a token or more: so there are as many as there are words behind a space.
  package static func leastTokens(in text: String) -> Int {
    var text = text
    return text.withUTF8 { bytes in
      var words = 0
      var isBehindSpace = false
      for byte in bytes {
        if isBehindSpace, isLetterOrDigit(byte) { words += 1 }
        isBehindSpace = byte == 0x20 || (0x09...0x0D).contains(byte)
      }
      return max(words, (bytes.count + longestToken - 1) / longestToken)
    }
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
  }
}
