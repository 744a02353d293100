/// A row that lacks a vector, as it stood when its page was read.
package struct Message: Equatable, Sendable {
  package var key: RowKey
  /// The text column's value; nil where it is NULL, or blank and was left in the database, or can't be read.
  package let text: String?
  /// Why the value is no text; nil where it is one, or NULL.
  package let unreadable: UnreadableText?

  /// Whether there is no text to embed: it is NULL, empty or white space alone.
  package var isBlank: Bool { text == nil && unreadable == nil }

  package init(key: RowKey, text: String?) {
    self.key = key
    self.text = text
    unreadable = nil
  }

  package init(key: RowKey, unreadable: UnreadableText) {
    self.key = key
    text = nil
    self.unreadable = unreadable
  }
}

/// A value of the text column that can't be read as a text, e.g. bytes that are no UTF-8, a damaged TOAST value, or far
/// more than any model takes.
package struct UnreadableText: Equatable, Sendable {
  /// What is wrong with it, in words that hold nothing of the value, e.g. "its bytes are no UTF-8 (SQLSTATE 22021)".
  package let reason: String
  /// The SHA-256 of the value's own bytes, by which a later run sees that it was mended; a digest of nothing where even
  /// the bytes can't be read.
  package let digest: TextDigest
  /// Whether it was not even read, since no model takes that much.
  package let isTooLong: Bool

  package init(reason: String, digest: TextDigest = TextDigest(of: "")) {
    self.init(reason, digest, isTooLong: false)
  }

  private init(_ reason: String, _ digest: TextDigest, isTooLong: Bool) {
    self.reason = reason
    self.digest = digest
    self.isTooLong = isTooLong
  }
}

extension UnreadableText {
  /// The most bytes of a text that are read: 8 MiB, many times what the models of longest input take.
  package static let mostBytes = 8 << 20

  /// A text of more than `mostBytes`. Its digest is of nothing: whatever else of that length it becomes, it stays where it is.
  package static let tooLong = UnreadableText(
    "the text has more than \(mostBytes >> 20) MiB, and was not read", TextDigest(of: ""), isTooLong: true)

  /// A text that is cut into more than `most` pieces, none of which is sent.
  package static func tooManyPieces(than most: Int, digest: TextDigest) -> UnreadableText {
    UnreadableText("the text has more than \(most) pieces, and none was sent", digest, isTooLong: true)
  }
}
