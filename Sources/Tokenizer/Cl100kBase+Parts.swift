extension Cl100kBase {
  /// `text` in parts of at most `limit` tokens each, cut between tokens and between characters; together they are the
  /// text again. A limit below the tokens of one character, of which there are at most four, gives it a part of its own.
  package func parts(of text: String, limit: Int) -> [(text: String, tokens: Int)] {
    let bytes = Array(text.utf8)
    // Where the text can be cut, and how many tokens are before it.
    let cuts = tokenEnds(in: text).enumerated().filter { $1 == bytes.count || bytes[$1] & 0xC0 != 0x80 }
      .map { (tokens: $0 + 1, end: $1) }
    var parts: [(text: String, tokens: Int)] = []
    var first = 0
    var start = (tokens: 0, end: 0)
    while first < cuts.count {
      var last = first
      while last + 1 < cuts.count, cuts[last + 1].tokens - start.tokens <= limit { last += 1 }
      func part() -> (text: String, tokens: Int) {
        let text = String(decoding: bytes[start.end..<cuts[last].end], as: UTF8.self)
        return (text, count(text))
      }
      // What is cut off may count otherwise than in the whole.
      var found = part()
      while found.tokens > limit, last > first {
        last -= 1
        found = part()
      }
      parts.append(found)
      start = cuts[last]
      first = last + 1
    }
    return parts
  }

  /// Where each token of `text` ends, in bytes.
  private func tokenEnds(in text: String) -> [Int] {
    var ends: [Int] = []
    var end = 0
    func add(_ token: UInt32) {
      end += vocabulary.tables.merges.tokens[Int(token)].length
      ends.append(end)
    }
    forEachPiece(text) {
      add($0)
    } merged: { tokens in
      for token in tokens { add(token) }
    }
    return ends
  }
}
