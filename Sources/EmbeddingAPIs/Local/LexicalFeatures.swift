/// Breaks texts into hashed words, pairs of neighbouring words, and character trigrams.
///
/// Case is folded scalar by scalar. A word is a run of letters, digits and marks; any other character but white space
/// stands alone, so that a text of nothing but emoji has features too.
struct LexicalFeatures {
  private var word: [UInt32] = []
  private var previousWord: UInt64?

  /// Calls `feature` with each feature's hash and weight, and returns a hash of the whole text.
  mutating func read(_ text: String, _ feature: (_ hash: UInt64, _ weight: Float) -> Void) -> UInt64 {
    previousWord = nil
    var fingerprint = FNV1a(.text)
    for scalar in text.unicodeScalars {
      fingerprint.add(scalar.value)
      switch Kind(of: scalar) {
      case .word:
        fold(scalar)
      case .space:
        endWord(feature)
      case .symbol:
        endWord(feature)
        word.append(scalar.value)
        endWord(feature)
      }
    }
    endWord(feature)
    return fingerprint.mixed
  }

  private mutating func fold(_ scalar: Unicode.Scalar) {
    if scalar.isASCII {
      word.append((0x41...0x5A).contains(scalar.value) ? scalar.value | 0x20 : scalar.value)
    } else {
      for folded in scalar.properties.lowercaseMapping.unicodeScalars { word.append(folded.value) }
    }
  }

  private mutating func endWord(_ feature: (UInt64, Float) -> Void) {
    guard !word.isEmpty else { return }
    var hash = FNV1a(.word)
    for unit in word { hash.add(unit) }
    // Long words tell more of a text than short ones, which are mostly articles and prepositions.
    feature(hash.mixed, Float(min(word.count, 6)))
    if let previousWord {
      var pair = FNV1a(.pair)
      pair.add(previousWord)
      pair.add(hash.mixed)
      feature(pair.mixed, 1)
    }
    previousWord = hash.mixed

    // Trigrams of the word between two marks, so that its beginning and its end differ from its middle.
    let mark: UInt32 = 0x11_0000
    word.append(mark)
    var (first, second) = (mark, word[0])
    for third in word.dropFirst() {
      var trigram = FNV1a(.trigram)
      trigram.add(first)
      trigram.add(second)
      trigram.add(third)
      feature(trigram.mixed, 1)
      (first, second) = (second, third)
    }
    word.removeAll(keepingCapacity: true)
  }

  private enum Kind {
    case word, space, symbol

    init(of scalar: Unicode.Scalar) {
      switch scalar.value {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: self = .word
      case 0x09...0x0D, 0x20: self = .space
      case 0..<0x80: self = .symbol
      default:
        let properties = scalar.properties
        if properties.isWhitespace {
          self = .space
        } else {
          switch properties.generalCategory {
          case .nonspacingMark, .spacingMark, .enclosingMark: self = .word
          default: self = properties.isAlphabetic || properties.numericType != nil ? .word : .symbol
          }
        }
      }
    }
  }
}

/// FNV-1a with 64 bits, fed with whole words, and mixed at the end since FNV's low bits alone are poor.
private struct FNV1a {
  /// What is hashed, so that a word of three letters and the same trigram are two features.
  enum Family: UInt64 {
    case text = 1
    case word, pair, trigram
  }

  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  init(_ family: Family) {
    add(family.rawValue)
  }

  mutating func add(_ unit: some FixedWidthInteger & UnsignedInteger) {
    state = (state ^ UInt64(unit)) &* 0x0000_0100_0000_01B3
  }

  /// The state through the finaliser of MurmurHash3.
  var mixed: UInt64 {
    var hash = state
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return hash ^ (hash >> 33)
  }
}
