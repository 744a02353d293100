/// How well a place between two characters divides a text.
enum TextBreak: Int, Comparable, Sendable {
  /// Inside a word, or in writing without spaces whose words are unknown here.
  case character
  case word
  /// Behind a sentence, or at the end of a line.
  case sentence
  /// Behind a blank line.
  case paragraph

  static func < (a: TextBreak, b: TextBreak) -> Bool { a.rawValue < b.rawValue }

  /// The break before the character at `place`. Before white space there is none but that of characters: what is divided
  /// there is divided behind it.
  ///
  /// It asks the properties of Unicode's characters alone, and no locale and no dictionary: the same on every system.
  init(in text: String.UnicodeScalarView, before place: String.Index) {
    self = .character
    guard place > text.startIndex, place < text.endIndex, !text[place].isWhiteSpace else { return }
    let next = text[place]
    var index = text.index(before: place)
    guard text[index].isWhiteSpace else {
      if let found = Self.unspaced(text, index, next) { self = found }
      return
    }
    self = .word
    var lines = 0
    while true {
      let scalar = text[index]
      guard scalar.isWhiteSpace else { break }
      switch scalar {
      case "\u{2029}": lines += 2
      case "\n", "\u{0B}", "\u{0C}", "\u{85}", "\u{2028}": lines += 1
      case "\r" where text[text.index(after: index)] != "\n": lines += 1
      default: break
      }
      // A text that begins with white space has nothing before it.
      guard index > text.startIndex else { return }
      index = text.index(before: index)
    }
    if lines > 1 {
      self = .paragraph
    } else if lines == 1 || Self.endsSentence(text, index) {
      self = .sentence
    }
  }

  /// The break between two characters without white space between; nil for none of words.
  private static func unspaced(
    _ text: String.UnicodeScalarView, _ before: String.Index, _ next: Unicode.Scalar
  ) -> TextBreak? {
    let last = text[before]
    // Words of ASCII have a space between them.
    guard !(last.isASCII && next.isASCII) || isClosing(last) else { return nil }
    guard !isClosing(next), !next.isSentenceTerminal, !isComma(next) else { return nil }
    // Latin sentences have a space behind them: a full stop without one is of a number or a name.
    if let end = terminator(text, before), end.value > 0x7F { return .sentence }
    if last.isOpeningPunctuation { return nil }
    return isOfWordsWithoutSpaces(last) || isOfWordsWithoutSpaces(next) || isComma(last) ? .word : nil
  }

  private static func endsSentence(_ text: String.UnicodeScalarView, _ last: String.Index) -> Bool {
    terminator(text, last) != nil
  }

  /// What ends the sentence that ends with the character at `last`, before its closing quotes and brackets; nil where none
  /// ends there.
  private static func terminator(_ text: String.UnicodeScalarView, _ last: String.Index) -> Unicode.Scalar? {
    var index = last
    // More are no quotation.
    for _ in 0..<4 {
      let scalar = text[index]
      if scalar.isSentenceTerminal || scalar == "…" { return scalar }
      guard isClosing(scalar), index > text.startIndex else { return nil }
      index = text.index(before: index)
    }
    return nil
  }

  private static func isClosing(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isClosingPunctuation || scalar == "\"" || scalar == "'"
  }

  /// The commas of East Asia.
  private static func isComma(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "、", "，", "､", "；", "：", "・": true
    default: false
    }
  }

  /// Characters that may begin and end a line by themselves: ideographs and kana.
  private static func isOfWordsWithoutSpaces(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case ..<0x3000: false
    case 0x3041...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9F: true
    default: scalar.properties.isIdeographic
    }
  }
}
