/// cl100k_base in the form that takes no time to load: its tables as they are used, in one block, little-endian.
///
/// Its content is the same everywhere, so its fingerprint is known, and what has that fingerprint needs no other check.
final class PreparedVocabulary: @unchecked Sendable {  // Nothing writes to its memory after `init`.
  /// Changes with the tables' layout, the vocabulary and ``CharacterClass``'s version of Unicode.
  static let fingerprint = Checksum(0xf71d_04a3_dab0_d220)

  let tables: VocabularyTables
  /// A prepared file's content.
  let bytes: UnsafeRawBufferPointer

  /// Takes a prepared file's content, or nothing if it is not what was prepared.
  init?(_ file: UnsafeRawBufferPointer) {
    guard let (trieSlots, classBlocks) = VocabularyTables.readHeader(of: file),
      Checksum(of: file) == Self.fingerprint
    else { return nil }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: file.count, alignment: 64)
    memory.copyMemory(from: file)
    bytes = UnsafeRawBufferPointer(memory)
    tables = VocabularyTables(memory.baseAddress!, trieSlots: trieSlots, classBlocks: classBlocks)
  }

  /// Computes the tables.
  init(_ original: OriginalVocabulary) {
    let tokens = original.tokens
    let builder = TokenTrieBuilder(tokens)
    let (blockNumbers, blocks) = CharacterClasses.build()
    let (trieSlots, classBlocks) = (builder.slots.count, blocks.count >> 7)
    let size = VocabularyTables.size(trieSlots: trieSlots, classBlocks: classBlocks)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    VocabularyTables.writeHeader(to: memory, trieSlots: trieSlots, classBlocks: classBlocks)
    bytes = UnsafeRawBufferPointer(memory)
    tables = VocabularyTables(memory.baseAddress!, trieSlots: trieSlots, classBlocks: classBlocks)
    tables.trie.slots.update(from: builder.slots, count: trieSlots)
    for (index, bytes) in tokens.enumerated() {
      tables.merges.tokens[index] = Token(
        length: bytes.count, shorter: builder.shorter[index], left: Token.none, right: Token.none)
    }
    tables.classes.blockNumbers.update(from: blockNumbers, count: blockNumbers.count)
    tables.classes.blocks.update(from: blocks, count: blocks.count)
    tables.merges.pairs.update(repeating: .max, count: MergeTable.pairSlots)
    for token in tokens.indices.dropFirst(256) { insertMerge(into: UInt32(token), tokens[token]) }
  }

  deinit {
    bytes.deallocate()
  }

  /// Finds the two tokens that are left in `bytes` when all merges of a lower rank than `token`'s are made.
  private func insertMerge(into token: UInt32, _ bytes: ArraySlice<UInt8>) {
    var left = tables.merges.tokens[Int(token)].shorter
    while left != Token.none {
      let rest = bytes.dropFirst(tables.merges.tokens[Int(left)].length)
      if let right = rest.withUnsafeBufferPointer(tables.trie.token), max(left, right) < token,
        tables.merges.staysApart(left, right)
      {
        return tables.merges.insert(left, right, into: token)
      }
      left = tables.merges.tokens[Int(left)].shorter
    }
  }
}
