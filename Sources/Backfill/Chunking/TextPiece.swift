/// A piece of a text, without the white space at its ends.
package struct TextPiece: Equatable, Sendable {
  package let text: String
  /// Where it is in the whole text, in Unicode scalars, which PostgreSQL and SQLite count as characters: in SQL it is
  /// `substr(text, start + 1, end - start)`.
  package let range: Range<Int>

  package init(text: String, range: Range<Int>) {
    self.text = text
    self.range = range
  }
}

/// Which piece of its row's text a vector is of.
package struct Piece: Hashable, Sendable {
  /// Counts from 0 in its text.
  package let number: Int
  /// How many pieces the text has.
  package let count: Int
  /// In Unicode scalars, as `TextPiece` has it.
  package let range: Range<Int>

  package init(number: Int, of count: Int, range: Range<Int>) {
    self.number = number
    self.count = count
    self.range = range
  }
}
