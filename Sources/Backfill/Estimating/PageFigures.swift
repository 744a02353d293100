/// One page's share of an estimate: figures, and no text.
package struct PageFigures: Sendable {
  struct Input: Sendable {
    let tokens: Int
    /// Whether it is what is sent for a text that is too long as it is.
    let isFitted: Bool
    let characters: Int
    let rows: Int
    /// Whether another page's row is billed for it.
    let isRepeat: Bool
  }

  let taken: Int
  let blank: Int
  let quarantined: Int
  let spooled: Int
  /// Rows whose texts are known to be too long, and aren't sent.
  let overlong: Int
  let requests: Int
  /// What would be written: a vector for each row that is sent, or for each piece of its text.
  let vectors: Int
  let inputs: [Input]
  /// Where texts are cut into pieces, the tokens of each row; nil where each row is of one input.
  let rowTokens: [Int]?

  /// - Parameters:
  ///   - spooled: rows of the page that were left out before it was packed, as their vectors are paid for.
  ///   - repeated: the page's rows whose text stands in an earlier page, packed by themselves: nothing is sent for them.
  package init(_ page: PackedPage, spooled: Int = 0, repeated: PackedPage? = nil) {
    let complete = page.bundles.reduce(0) { $0 + ($1.contents.isEmpty ? $1.keys.count : 0) }
    taken = page.taken - complete + (repeated?.taken ?? 0)
    blank = page.excluded
    quarantined = page.condemned + page.garbled.count
    self.spooled = spooled + complete
    overlong = page.overlong.count + (repeated?.overlong.count ?? 0)
    requests = page.contents.count
    vectors = (page.contents + (repeated?.contents ?? [])).reduce(0) { $0 + $1.rows.count }
    inputs = Self.inputs(page) + (repeated.map { Self.inputs($0, areRepeats: true) } ?? [])
    rowTokens = page.bundles.isEmpty ? nil : Self.rowTokens(page)
  }

  /// The tokens of each row that is sent.
  private static func rowTokens(_ page: PackedPage) -> [Int] {
    var tokens: [RowKey: Int] = [:]
    for contents in page.contents {
      for row in contents.rows { tokens[row.key, default: 0] += contents.inputs[row.input].tokenCount }
    }
    return Array(tokens.values)
  }

  private static func inputs(_ page: PackedPage, areRepeats: Bool = false) -> [Input] {
    page.contents.flatMap { contents in
      var rows = [Int](repeating: 0, count: contents.inputs.count)
      for row in contents.rows { rows[row.input] += 1 }
      return contents.inputs.indices.map { index in
        let input = contents.inputs[index]
        return Input(
          tokens: input.tokenCount, isFitted: input.isFitted,
          characters: input.texts.reduce(0) { $0 + $1.unicodeScalars.count }, rows: rows[index],
          isRepeat: areRepeats)
      }
    }
  }
}
