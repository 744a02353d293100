/// Finds the tokens that merging a piece's bytes, always the lowest rank first and the leftmost of equals, ends with; in a
/// time that is linear in its length.
///
/// The result is the one sequence of tokens in which each stays apart from the next. So take the longest token that fits
/// after the one before, and where none fits, go back to a shorter one; no position is given up twice.
struct PieceMerger {
  let tables: VocabularyTables

  /// Passes the tokens of `piece`, which is not empty and begins with `longest`, the longest such token.
  @inline(__always) func merge(
    _ piece: UnsafeBufferPointer<UInt8>, from longest: (token: UInt32, end: Int),
    _ use: (UnsafeBufferPointer<UInt32>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: piece.count) { tokens in
      let count = withUnsafeTemporaryAllocation(of: UInt64.self, capacity: piece.count >> 6 + 1) { deadEnds in
        merge(piece, from: longest, into: tokens, deadEnds: deadEnds)
      }
      use(UnsafeBufferPointer(rebasing: tokens[..<count]))
    }
  }

  /// - Parameters:
  ///   - tokens: room for one token a byte.
  ///   - deadEnds: room for a bit for each position, to mark those that no sequence of tokens goes on from.
  /// - Returns: the number of tokens.
  private func merge(
    _ piece: UnsafeBufferPointer<UInt8>, from longest: (token: UInt32, end: Int),
    into tokens: UnsafeMutableBufferPointer<UInt32>, deadEnds: UnsafeMutableBufferPointer<UInt64>
  ) -> Int {
    deadEnds.initialize(repeating: 0)
    var count = 0
    var position = 0
    var (candidate, end) = longest
    while true {
      let isDead = deadEnds[end &>> 6] &>> UInt64(truncatingIfNeeded: end) & 1 == 1
      if !isDead, count == 0 || tables.merges.staysApart(tokens[count &- 1], candidate) {
        tokens[count] = candidate
        count &+= 1
        position = end
        if position == piece.count { return count }
        (candidate, end) = tables.trie.longestToken(piece, from: position)
        continue
      }
      let shorter = tables.merges.tokens[Int(candidate)].shorter
      if shorter != Token.none {
        candidate = shorter
      } else {
        deadEnds[position &>> 6] |= 1 &<< UInt64(truncatingIfNeeded: position)
        count &-= 1
        candidate = tokens[count]
        position &-= tables.merges.tokens[Int(candidate)].length
      }
      end = position &+ tables.merges.tokens[Int(candidate)].length
    }
  }
}
