extension Cl100kBase {
  /// `text` in parts of at most `limit` tokens each, cut between tokens and between characters; together they are the
  /// text again. A limit below the tokens of one character, of which there are at most four, gives it a part of its own.
  package func parts(of text: String, limit: Int) -> [(text: String, tokens: Int)] {
    let bytes = Array(text.utf8)
    let ends = tokenEnds(in: text).filter { $0 == bytes.count || bytes[$0] & 0xC0 != 0x80 }
    var parts: [(text: String, tokens: Int)] = []
    var start = 0
    var next = 0
    while start < bytes.count {
      // Each end is at least one token behind the one before; what is cut off may count otherwise than in the whole.
      var last = min(next + max(limit, 1), ends.count) - 1
      var part = String(decoding: bytes[start..<ends[last]], as: UTF8.self)
      var tokens = count(part)
      while tokens > limit, last > next {
        last -= max(1, min(tokens - limit, last - next))
        part = String(decoding: bytes[start..<ends[last]], as: UTF8.self)
        tokens = count(part)
      }
      parts.append((part, tokens))
      start = ends[last]
      next = last + 1
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
