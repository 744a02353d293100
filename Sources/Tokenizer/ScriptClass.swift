/// The kinds of characters whose tokens an estimate counts alike.
enum ScriptClass: Int, CaseIterable {
  case latin, accentedLatin, greek, cyrillic, armenianOrGeorgian, hebrewOrArabic, devanagari, otherBrahmic, thai
  case han, kana, hangul, widePunctuation, digit, symbol, newline, space, other

  init(_ scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x41...0x5A, 0x61...0x7A: self = .latin
    case 0x30...0x39: self = .digit
    case 0x0A, 0x0D: self = .newline
    case 0x20, 0x09: self = .space
    case 0x00...0x7F: self = .symbol
    case 0xC0...0x24F, 0x1E00...0x1EFF: self = .accentedLatin
    case 0x370...0x3FF, 0x1F00...0x1FFF: self = .greek
    case 0x400...0x52F: self = .cyrillic
    case 0x530...0x58F, 0x10A0...0x10FF: self = .armenianOrGeorgian
    case 0x590...0x77F: self = .hebrewOrArabic
    case 0x900...0x97F: self = .devanagari
    case 0xE00...0xE7F: self = .thai
    // Khmer and Ethiopic are no Brahmic neighbours of the others, but cost as much.
    case 0x980...0x109F, 0x1200...0x139F, 0x1780...0x17FF: self = .otherBrahmic
    case 0x2000...0x206F, 0x3000...0x303F, 0xFF00...0xFFEF: self = .widePunctuation
    case 0x3040...0x30FF: self = .kana
    case 0x3400...0x9FFF, 0x20000...0x323AF: self = .han
    case 0xAC00...0xD7A3: self = .hangul
    default: self = .other
    }
  }

  /// The tokens of cl100k_base that a unit of this class costs on average. A unit is a character; a run of up to three
  /// digits; a run of newlines; for ``other``, a byte of UTF-8.
  var tokensPerUnit: Double {
    switch self {
    case .latin: 0.31
    case .accentedLatin: 1.46
    case .greek: 1.05
    case .cyrillic: 0.57
    case .armenianOrGeorgian: 2.12
    case .hebrewOrArabic: 0.94
    case .devanagari: 1.28
    case .otherBrahmic: 1.94
    case .thai: 0.95
    case .han: 1.23
    case .kana: 0.93
    case .hangul: 1.17
    case .widePunctuation: 0.8
    case .digit: 1.05
    case .symbol: 0.22
    case .newline: 0.7
    case .space: 0
    case .other: 0.65
    }
  }
}
