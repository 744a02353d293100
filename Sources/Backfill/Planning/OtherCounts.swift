/// What servers without a tokenizer report in place of tokens: characters of each kind, bytes, words.
struct OtherCounts: Equatable, Sendable {
  private let texts: [String]
  private var bytes = 0
  private var scalars = 0
  private var utf16 = 0
  private var words = 0
  private var ascii = 0

  init(of texts: [String]) {
    self.texts = texts
    for text in texts { add(text) }
  }

  /// Whether `told` is one of them.
  func contains(_ told: Int) -> Bool {
    [bytes, scalars, utf16, words].contains(told) || isCharacters(told)
  }

  /// Counted only where it can be: each character that isn't ASCII, and each CR, joins one ASCII character at most.
  private func isCharacters(_ told: Int) -> Bool {
    guard told < scalars, told >= 2 * ascii - scalars else { return false }
    var characters = 0
    for text in texts {
      characters += text.count
      if characters > told { return false }
    }
    return characters == told
  }

  private mutating func add(_ text: String) {
    bytes += text.utf8.count
    var isInWord = false
    for scalar in text.unicodeScalars {
      scalars += 1
      utf16 += scalar.value > 0xFFFF ? 2 : 1
      if scalar.isASCII, scalar != "\r" { ascii += 1 }
      let separates = scalar.isWhiteSpace
      if !separates, !isInWord { words += 1 }
      isInWord = !separates
    }
  }
}
