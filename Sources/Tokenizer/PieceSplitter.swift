/// Cuts a text into the pieces that cl100k_base merges within, as this pattern would:
///
///     '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s
///
/// Source: tiktoken 0.14, `tiktoken_ext/openai_public.py`.
struct PieceSplitter {
  let classes: CharacterClasses
  /// Valid UTF-8.
  let text: UnsafeBufferPointer<UInt8>

  /// Where the piece ends that begins at `start`, which is inside the text.
  @inline(__always) func end(ofPieceAt start: Int) -> Int {
    let (first, width) = classes.classAndWidth(text, start)
    let next = start + width
    switch first {
    case CharacterClass.letter.rawValue:
      return endOfRun(.letter, from: next)
    case CharacterClass.number.rawValue:
      return endOfNumber(from: next)
    case CharacterClass.space.rawValue:
      guard next < text.count else { return next }
      let (second, secondWidth) = classes.classAndWidth(text, next)
      if second == CharacterClass.letter.rawValue { return endOfRun(.letter, from: next + secondWidth) }
      if second == CharacterClass.other.rawValue, text[start] == UInt8(ascii: " ") {
        return endOfSymbols(from: next + secondWidth)
      }
      return endOfWhitespace(from: start)
    case CharacterClass.newline.rawValue:
      return endOfWhitespace(from: start)
    default:
      if text[start] == UInt8(ascii: "'"), let end = endOfContraction(from: next) { return end }
      guard next < text.count else { return next }
      let (second, secondWidth) = classes.classAndWidth(text, next)
      if second == CharacterClass.letter.rawValue { return endOfRun(.letter, from: next + secondWidth) }
      return endOfSymbols(from: next)
    }
  }

  @inline(__always) private func endOfRun(_ wanted: CharacterClass, from start: Int) -> Int {
    var index = start
    while index < text.count {
      let (found, width) = classes.classAndWidth(text, index)
      guard found == wanted.rawValue else { break }
      index += width
    }
    return index
  }

  /// `\p{N}{1,3}+`, after its first.
  private func endOfNumber(from start: Int) -> Int {
    var index = start
    for _ in 0..<2 where index < text.count {
      let (found, width) = classes.classAndWidth(text, index)
      guard found == CharacterClass.number.rawValue else { break }
      index += width
    }
    return index
  }

  /// `[^\s\p{L}\p{N}]++[\r\n]*+`, after its first.
  private func endOfSymbols(from start: Int) -> Int {
    endOfRun(.newline, from: endOfRun(.other, from: start))
  }

  /// `\s++$|\s*[\r\n]|\s+(?!\S)|\s`: all of a run at the text's end; else up to its last newline; else all but its last
  /// code point, which goes with what follows.
  private func endOfWhitespace(from start: Int) -> Int {
    var index = start
    var last = start
    var newlineEnd: Int?
    while index < text.count {
      let (found, width) = classes.classAndWidth(text, index)
      let isNewline = found == CharacterClass.newline.rawValue
      guard isNewline || found == CharacterClass.space.rawValue else { break }
      last = index
      index += width
      if isNewline { newlineEnd = index }
    }
    if index == text.count { return index }
    return newlineEnd ?? (last > start ? last : index)
  }

  /// `'(?i:[sdmt]|ll|ve|re)`, after its apostrophe. "ſ" (U+017F) folds to "s".
  private func endOfContraction(from start: Int) -> Int? {
    guard start < text.count else { return nil }
    let second = start + 1 < text.count ? text[start + 1] : 0
    switch text[start] | 0x20 {
    case UInt8(ascii: "s"), UInt8(ascii: "d"), UInt8(ascii: "m"), UInt8(ascii: "t"): return start + 1
    case UInt8(ascii: "l") where second | 0x20 == UInt8(ascii: "l"): return start + 2
    case UInt8(ascii: "v") where second | 0x20 == UInt8(ascii: "e"): return start + 2
    case UInt8(ascii: "r") where second | 0x20 == UInt8(ascii: "e"): return start + 2
    default: return text[start] == 0xC5 && second == 0xBF ? start + 2 : nil
    }
  }
}
