/// Properties of Unicode's characters, without their lookup in a table where it isn't needed: a text is asked for them
/// character by character.
extension Unicode.Scalar {
  /// Unicode's property `White_Space`.
  var isWhiteSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// Unicode's property `Sentence_Terminal`.
  var isSentenceTerminal: Bool {
    isASCII ? self == "." || self == "!" || self == "?" : properties.isSentenceTerminal
  }

  /// Whether it closes what a bracket or an initial quote opens.
  var isClosingPunctuation: Bool {
    if isASCII { return self == ")" || self == "]" || self == "}" }
    return switch properties.generalCategory {
    case .closePunctuation, .finalPunctuation: true
    default: false
    }
  }

  var isOpeningPunctuation: Bool {
    if isASCII { return self == "(" || self == "[" || self == "{" }
    return switch properties.generalCategory {
    case .openPunctuation, .initialPunctuation: true
    default: false
    }
  }
}
