/// The part of a text in which one piece ends.
struct TextWindow {
  private let text: String
  private let start: String.Index
  private let mostTokens: Int
  private let count: (String) -> Int
  /// The places behind `start` where the text can be divided.
  private var places: [String.Index] = []
  /// Where the piece ends, without the white space behind it; nil where it would not go beyond what is in a piece.
  private(set) var end: String.Index?

  /// - Parameters:
  ///   - start: where the piece begins, with a character that is no white space.
  ///   - covered: the piece is to end behind it.
  ///   - count: the tokens of a piece as it is sent.
  init(
    of text: String, from start: String.Index, beyond covered: String.Index, mostTokens: Int,
    count: @escaping (String) -> Int
  ) {
    (self.text, self.start, self.mostTokens, self.count) = (text, start, mostTokens, count)
    end = findEnd(beyond: covered)
  }

  /// The bytes that are looked at first: more than most texts have in so many tokens.
  private static let bytesPerToken = 8

  private mutating func findEnd(beyond covered: String.Index) -> String.Index? {
    var bytes = Self.bytesPerToken * mostTokens
    while true {
      places = places(within: bytes)
      if let last = places.last {
        guard fits(last) else { break }
        if last == text.endIndex { return trimmed(last) }
      }
      bytes *= 2
    }
    var last = Self.lastFitting(of: places.count, mostTokens) { tokens(upTo: places[$0]) }
    if last < 0 {
      // A single character, as people see it, is too long: it is divided between Unicode's.
      let end = places[0]
      places = Array(text.unicodeScalars[start..<end].indices.dropFirst()) + [end]
      last = max(0, Self.lastFitting(of: places.count, mostTokens) { tokens(upTo: places[$0]) })
    }
    guard places[last] > covered else { return nil }
    return trimmed(best(upTo: last, beyond: covered))
  }

  /// The best of the places up to the one of index `last`, the last that fits.
  private func best(upTo last: Int, beyond covered: String.Index) -> String.Index {
    let half = text.utf8.distance(from: start, to: places[last]) / 2
    var found: (place: String.Index, level: TextBreak) = (places[last], .character)
    for place in places[...last].reversed() {
      let isInFirstHalf = text.utf8.distance(from: start, to: place) < half
      guard place > covered, !(isInFirstHalf && found.level > .character) else { break }
      let level = TextBreak(in: text.unicodeScalars, before: place)
      guard isInFirstHalf ? level > .character : level > found.level else { continue }
      found = (place, level)
      if level == .paragraph || isInFirstHalf { break }
    }
    // A shorter text has more tokens now and then.
    return fits(found.place) ? found.place : places[last]
  }

  /// Where the next piece begins, before `end`, so that it repeats at most `mostTokens` of this one, by whole words where
  /// there are any; nil where nothing is to be repeated.
  ///
  /// - Parameter count: the tokens of a text by itself.
  func overlap(before end: String.Index, mostTokens: Int, count: (String) -> Int) -> String.Index? {
    let inside = places.prefix { $0 < end }
    func tokens(_ back: Int) -> Int { count(String(text[inside[inside.count - 1 - back]..<end])) }
    // All of a piece is never repeated.
    guard mostTokens > 0, !inside.isEmpty, tokens(inside.count - 1) > mostTokens else { return nil }
    let back = Self.lastFitting(of: inside.count, mostTokens, tokens)
    guard back >= 0 else { return nil }
    let repeated = inside[(inside.count - 1 - back)...]
    return repeated.first { TextBreak(in: text.unicodeScalars, before: $0) > .character }
      ?? repeated.first { !text.unicodeScalars[$0].isWhiteSpace }
  }

  /// The boundaries between characters, as people see them, in so many bytes behind `start`; between Unicode's, where a
  /// character has no end in far more bytes than a piece has.
  private func places(within bytes: Int) -> [String.Index] {
    let limit = text.utf8.index(start, offsetBy: bytes, limitedBy: text.endIndex) ?? text.endIndex
    var end = limit
    while end < text.endIndex, UTF8.isContinuation(text.utf8[end]) { end = text.utf8.index(after: end) }
    let window = text[start..<end]
    var places = Array(window.indices.dropFirst())
    // A character may go on behind the window.
    if end == text.endIndex { places.append(end) }
    if places.isEmpty, bytes >= 16 * Self.bytesPerToken * mostTokens {
      places = Array(window.unicodeScalars.indices.dropFirst())
    }
    return places
  }

  private func fits(_ place: String.Index) -> Bool { tokens(upTo: place) <= mostTokens }

  private func tokens(upTo place: String.Index) -> Int { count(String(text[start..<trimmed(place)])) }

  /// `place` without the white space before it.
  private func trimmed(_ place: String.Index) -> String.Index {
    var place = place
    while place > start {
      let before = text.unicodeScalars.index(before: place)
      guard text.unicodeScalars[before].isWhiteSpace else { break }
      place = before
    }
    return place
  }

  /// The last index below `count` whose tokens are no more than `most`, of tokens that grow with the index, so far as
  /// tokens do; -1 where the first has more. The last index of all must have more.
  private static func lastFitting(of count: Int, _ most: Int, _ tokens: (Int) -> Int) -> Int {
    var (low, lowTokens) = (-1, 0)
    var (high, highTokens) = (count - 1, tokens(count - 1))
    var steps = 0
    while high - low > 1 {
      steps += 1
      var middle = (low + high) / 2
      // A text has about as many tokens everywhere: a few steps by that save most of the others.
      if steps <= 4, highTokens > lowTokens {
        let share = Double(most - lowTokens) / Double(highTokens - lowTokens)
        middle = low + Int(Double(high - low) * share)
      }
      middle = min(max(middle, low + 1), high - 1)
      let found = tokens(middle)
      if found <= most { (low, lowTokens) = (middle, found) } else { (high, highTokens) = (middle, found) }
    }
    return low
  }
}
