/// Lays out a ``TokenTrie``.
struct TokenTrieBuilder {
  private(set) var slots: [TokenTrie.Slot]
  /// For each token, the longest other token that it begins with, or ``Token/none``.
  private(set) var shorter: [UInt32]
  /// No slot below this one is free.
  private var firstFree = 1

  /// - Parameter tokens: each token's bytes, none empty, in the order of their ranks.
  init(_ tokens: [ArraySlice<UInt8>]) {
    slots = Array(repeating: .free, count: TokenTrie.Slot.limit)
    slots[0] = TokenTrie.Slot(parent: 0, base: 0, token: nil)
    shorter = Array(repeating: Token.none, count: tokens.count)
    // Most tokens differ in their first eight bytes, which compare as one integer.
    let heads = tokens.map { token in (0..<8).reduce(0) { $0 << 8 | UInt64(token.dropFirst($1).first ?? 0) } }
    let sorted = tokens.indices.sorted {
      heads[$0] == heads[$1] ? tokens[$0].lexicographicallyPrecedes(tokens[$1]) : heads[$0] < heads[$1]
    }
    place(sorted[...], of: tokens, depth: 0, node: 0, parent: 0, prefix: Token.none)
    let used = slots.lastIndex { $0.bits != TokenTrie.Slot.free.bits } ?? 0
    // Any base can lead to the end of its block of 256.
    slots.removeSubrange(min((used | 0xFF) + 1, slots.count)...)
  }

  /// Fills slot `node` with the node that `tokens[sorted]` have in common: their first `depth` bytes.
  private mutating func place(
    _ sorted: ArraySlice<Int>, of tokens: [ArraySlice<UInt8>], depth: Int, node: Int, parent: Int, prefix: UInt32
  ) {
    var longer = sorted
    var prefix = prefix
    var token: UInt32?
    if let first = sorted.first, tokens[first].count == depth {
      token = UInt32(first)
      shorter[first] = prefix
      prefix = UInt32(first)
      longer = longer.dropFirst()
    }
    var children: [(byte: Int, sorted: ArraySlice<Int>)] = []
    while let first = longer.first {
      let byte = tokens[first][tokens[first].startIndex + depth]
      let group = longer.prefix { tokens[$0][tokens[$0].startIndex + depth] == byte }
      children.append((Int(byte), group))
      longer = longer[group.endIndex...]
    }
    let base = freeBase(for: children.map(\.byte))
    slots[node] = TokenTrie.Slot(parent: parent, base: base, token: token)
    // All children's slots are taken before any child looks for its own.
    for child in children { slots[base ^ child.byte] = TokenTrie.Slot(parent: node, base: 0, token: nil) }
    for child in children {
      place(child.sorted, of: tokens, depth: depth + 1, node: base ^ child.byte, parent: node, prefix: prefix)
    }
  }

  /// The lowest base from which all `bytes` lead to free slots.
  private mutating func freeBase(for bytes: [Int]) -> Int {
    guard let first = bytes.first else { return 0 }
    while slots[firstFree].bits != TokenTrie.Slot.free.bits { firstFree += 1 }
    var slot = firstFree
    while !bytes.allSatisfy({ slots[slot ^ first ^ $0].bits == TokenTrie.Slot.free.bits }) { slot += 1 }
    return slot ^ first
  }
}
