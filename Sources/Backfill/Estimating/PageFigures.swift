/// One page's share of an estimate: figures, and no text.
package struct PageFigures: Sendable {
  struct Input: Sendable {
    let tokens: Int
    let characters: Int
    let rows: Int
  }

  let taken: Int
  let blank: Int
  let quarantined: Int
  let spooled: Int
  let requests: Int
  let inputs: [Input]

  /// - Parameter spooled: rows of the page that were left out before it was packed, as their vectors are paid for.
  package init(_ page: PackedPage, spooled: Int = 0) {
    taken = page.taken
    blank = page.excluded
    quarantined = page.condemned
    self.spooled = spooled
    requests = page.contents.count
    inputs = page.contents.flatMap { contents in
      var rows = [Int](repeating: 0, count: contents.inputs.count)
      for row in contents.rows { rows[row.input] += 1 }
      return contents.inputs.indices.map { index in
        Input(
          tokens: contents.tokens[index], characters: contents.inputs[index].unicodeScalars.count, rows: rows[index])
      }
    }
  }
}
