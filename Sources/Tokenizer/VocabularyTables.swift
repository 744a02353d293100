/// The tables that lie one after another in a ``PreparedVocabulary``'s memory, behind a header of the two counts that are
/// not fixed.
struct VocabularyTables {
  static let tokenCount = 100_256
  private static let headerSize = 16

  let trie: TokenTrie
  let merges: MergeTable
  let classes: CharacterClasses

  /// - Parameter memory: as large as ``size(trieSlots:classBlocks:)`` says, aligned to 8 bytes or more.
  init(_ memory: UnsafeMutableRawPointer, trieSlots: Int, classBlocks: Int) {
    var rest = memory + Self.headerSize
    func take<Element>(_ count: Int, of _: Element.Type) -> UnsafeMutablePointer<Element> {
      defer { rest += count * MemoryLayout<Element>.stride }
      return rest.bindMemory(to: Element.self, capacity: count)
    }
    trie = TokenTrie(slots: take(trieSlots, of: TokenTrie.Slot.self))
    merges = MergeTable(
      pairs: take(MergeTable.pairSlots, of: UInt64.self),
      filter: take(MergeTable.filterWords, of: UInt64.self),
      tokens: take(Self.tokenCount, of: Token.self))
    classes = CharacterClasses(
      blockNumbers: take(CharacterClasses.blockCount, of: UInt8.self), blocks: take(classBlocks << 7, of: UInt8.self))
  }

  static func size(trieSlots: Int, classBlocks: Int) -> Int {
    headerSize + 8 * trieSlots + 8 * MergeTable.pairSlots + 8 * MergeTable.filterWords + 8 * tokenCount
      + CharacterClasses.blockCount
      + 128 * classBlocks
  }

  static func writeHeader(to memory: UnsafeMutableRawBufferPointer, trieSlots: Int, classBlocks: Int) {
    memory.storeBytes(of: UInt64(trieSlots), as: UInt64.self)
    memory.storeBytes(of: UInt64(classBlocks), toByteOffset: 8, as: UInt64.self)
  }

  /// The two counts that `file` begins with, if it is as large as they say.
  static func readHeader(of file: UnsafeRawBufferPointer) -> (trieSlots: Int, classBlocks: Int)? {
    guard file.count >= headerSize else { return nil }
    let trieSlots = file.loadUnaligned(as: UInt64.self)
    let classBlocks = file.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    guard trieSlots <= TokenTrie.Slot.limit, classBlocks <= 256,
      size(trieSlots: Int(trieSlots), classBlocks: Int(classBlocks)) == file.count
    else { return nil }
    return (Int(trieSlots), Int(classBlocks))
  }
}
