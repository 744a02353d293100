/// OpenAI's tokenizer cl100k_base: the same ids as tiktoken's `encode_ordinary`, for any text.
///
/// Special tokens such as `<|endoftext|>` are text like any other. Threads can share it.
package struct Cl100kBase: Sendable {
  let vocabulary: PreparedVocabulary

  init(_ vocabulary: PreparedVocabulary) {
    self.vocabulary = vocabulary
  }

  /// Loads the vocabulary from the first of `folders` that holds it. Writes nothing.
  package init(from folders: [VocabularyFolder]) throws(VocabularyError) {
    for folder in folders {
      if let loaded = try folder.load() {
        self = loaded
        return
      }
    }
    throw .missing(folders)
  }

  /// The number of tokens in `text`, in linear time.
  package func count(_ text: String) -> Int {
    var count = 0
    forEachPiece(text) { _ in
      count += 1
    } merged: {
      count += $0.count
    }
    return count
  }

  /// The ids of the tokens in `text`, in linear time.
  package func encode(_ text: String) -> [UInt32] {
    var ids: [UInt32] = []
    forEachPiece(text) {
      ids.append($0)
    } merged: {
      ids += $0
    }
    return ids
  }

  /// Calls `whole` for each piece of `text` that is a token, and `merged` for each other one.
  @inline(__always) func forEachPiece(
    _ text: String, whole: (UInt32) -> Void, merged: (UnsafeBufferPointer<UInt32>) -> Void
  ) {
    var text = text
    text.withUTF8 { text in
      let tables = vocabulary.tables
      let splitter = PieceSplitter(classes: tables.classes, text: text)
      let merger = PieceMerger(tables: tables)
      var start = 0
      while start < text.count {
        let end = splitter.end(ofPieceAt: start)
        let piece = UnsafeBufferPointer(rebasing: text[start..<end])
        let longest = tables.trie.longestToken(piece, from: 0)
        if longest.end == piece.count {
          whole(longest.token)
        } else {
          merger.merge(piece, from: longest, merged)
        }
        start = end
      }
    }
  }
}
