/// Cuts a text into pieces of at most so many tokens, without loss: every character that is no white space is in a piece.
///
/// A piece ends behind a paragraph in its second half, else behind a sentence there, else behind a word, and only where a
/// word is longer than a piece inside of it, between two characters as people see them. The next one begins with the words
/// before that end, as many as make up the overlap. The same text is always cut in the same way by the same counts.
/// Memory grows with a piece, and not with the text.
package struct TextCutter: Sendable {
  private let cutting: Cutting
  /// The tokens of a piece as it is sent.
  private let countSent: @Sendable (String) -> Int
  /// The tokens of a text by itself.
  private let count: @Sendable (String) -> Int

  package init(
    _ cutting: Cutting, countSent: @escaping @Sendable (String) -> Int, count: @escaping @Sendable (String) -> Int
  ) {
    self.cutting = cutting
    self.countSent = countSent
    self.count = count
  }

  /// The pieces in their order; none of a blank text.
  ///
  /// - Parameter most: ends early once there are more.
  package func pieces(of text: String, atMost most: Int = .max) -> [TextPiece] {
    var text = text
    text.makeContiguousUTF8()
    let scalars = text.unicodeScalars
    var pieces: [TextPiece] = []
    guard var start = content(scalars, from: scalars.startIndex) else { return [] }
    var offset = scalars.distance(from: scalars.startIndex, to: start)
    // Up to here all is in a piece.
    var covered = start
    while pieces.count <= most {
      let window = TextWindow(of: text, from: start, beyond: covered, mostTokens: cutting.tokens, count: countSent)
      guard let end = window.end else {
        // Nothing new fits behind what is repeated.
        offset += scalars.distance(from: start, to: covered)
        start = covered
        continue
      }
      let length = scalars.distance(from: start, to: end)
      pieces.append(TextPiece(text: String(text[start..<end]), range: offset..<offset + length))
      guard let next = content(scalars, from: end) else { break }
      covered = next
      let repeated = window.overlap(before: end, mostTokens: cutting.overlap, count: count) ?? next
      offset += scalars.distance(from: start, to: repeated)
      start = repeated
    }
    return pieces
  }

  /// The first place from `index` on that is no white space.
  private func content(_ text: String.UnicodeScalarView, from index: String.Index) -> String.Index? {
    text[index...].firstIndex { !$0.isWhiteSpace }
  }
}
