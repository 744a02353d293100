/// The classes of code points that cl100k_base's splitting pattern distinguishes.
enum CharacterClass: UInt8 {
  /// Whatever is none of the others: punctuation, symbols, combining marks, controls.
  case other
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `\s` except the newlines.
  case space
  /// CR and LF.
  case newline

  /// The class of `scalar` in Unicode 16, which tiktoken 0.14 is built with.
  ///
  /// Swift may know a later Unicode: what is younger than 16 was unassigned there.
  init(_ scalar: Unicode.Scalar) {
    let properties = scalar.properties
    guard let age = properties.age, age.major <= 16 else {
      self = .other
      return
    }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    default: self = scalar == "\r" || scalar == "\n" ? .newline : properties.isWhitespace ? .space : .other
    }
  }
}
