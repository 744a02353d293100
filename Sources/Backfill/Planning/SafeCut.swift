import Foundation

/// Cuts texts so short that no tokenizer makes more tokens of a part than a model takes, for models whose tokenizer isn't
/// here.
///
/// A token stands for at least one byte of UTF-8 in byte-level tokenizers, and for at least one character in all others, as
/// long as the text is what the tokenizer sees. Many see another form of it: compatibility characters written out,
/// letters in lower case, or accents apart. So each character counts as many bytes as the longest of these forms has: U+FDFA
/// counts 33 in place of 3, nearly all others their own.
package struct SafeCut: Hashable, Sendable {
  /// The most bytes of a part, its prefix included.
  package let mostBytes: Int

  /// What servers add to a text of their own accord: marks of its beginning and end, and words that name the task.
  private static let added = 16

  package init(mostBytes: Int) {
    self.mostBytes = mostBytes
  }

  /// - Parameters:
  ///   - mostTokens: what the model takes in one input.
  ///   - tokensPerByte: the most tokens that a text has for each byte.
  package init(mostTokens: Int, tokensPerByte: Double = 1) {
    let own = mostTokens - min(SafeCut.added, mostTokens / 4)
    self.init(mostBytes: max(1, Int((Double(own) / tokensPerByte).rounded(.down))))
  }

  /// Whether `text` may have more tokens than the model takes.
  package func isPassed(by text: String) -> Bool {
    let bytes = text.utf8.count
    guard bytes <= mostBytes else { return true }
    guard bytes * SafeCut.longestForm > mostBytes else { return false }
    var weights = Weights()
    return text.unicodeScalars.reduce(0) { $0 + weights[$1] } > mostBytes
  }

  /// `text` in parts that keep to the bound behind `prefix`, cut between characters; together they are the text again. Empty
  /// where the prefix leaves no room for a character.
  ///
  /// - Parameter most: no more parts than these are made.
  package func parts(of text: String, behind prefix: String = "", atMost most: Int = .max) -> [String] {
    var weights = Weights()
    let room = mostBytes - prefix.unicodeScalars.reduce(0) { $0 + weights[$1] }
    var parts: [String] = []
    let scalars = text.unicodeScalars
    var (start, filled) = (scalars.startIndex, 0)
    for index in scalars.indices {
      let weight = weights[scalars[index]]
      guard weight <= room else { return [] }
      if filled + weight > room {
        parts.append(String(scalars[start..<index]))
        guard parts.count < most else { return parts }
        (start, filled) = (index, 0)
      }
      filled += weight
    }
    if filled > 0 { parts.append(String(scalars[start...])) }
    return parts
  }

  /// No character has a form of more times its bytes: U+FDFA is the longest.
  private static let longestForm = 11

  /// How many bytes each character counts. Unicode never changes these forms of a character that it has.
  private struct Weights {
    private var known: [Unicode.Scalar: Int] = [:]

    subscript(scalar: Unicode.Scalar) -> Int {
      mutating get {
        guard !scalar.isASCII else { return 1 }
        if let weight = known[scalar] { return weight }
        let text = String(scalar)
        let small = scalar.properties.lowercaseMapping
        let weight = max(
          text.utf8.count, text.precomposedStringWithCompatibilityMapping.utf8.count,
          small.precomposedStringWithCompatibilityMapping.utf8.count,
          text.decomposedStringWithCompatibilityMapping.unicodeScalars.count)
        known[scalar] = weight
        return weight
      }
    }
  }
}
