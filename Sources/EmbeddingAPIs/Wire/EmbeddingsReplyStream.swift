import Backfill
import Foundation

/// Reads a reply of a status in the 200s while it comes: of its text no more is held than one vector's.
struct EmbeddingsReplyStream {
  private var splitter: ReplySplitter
  private var reader: EmbeddingsReplyReader
  /// What is wrong with what came; nil where nothing is.
  private(set) var broken: EmbeddingsReply.Broken?

  /// A stream for the reply to `count` texts.
  init(_ shape: ReplyShape = WireFormat.openAI.reply, count: Int, dimensions: Int, cut: LocalCut? = nil) {
    let mostItemBytes = EmbeddingsReplyStream.mostBytesOfItem(dimensions: dimensions, isCut: cut != nil)
    splitter = ReplySplitter(path: shape.list, mostItemBytes: mostItemBytes)
    reader = EmbeddingsReplyReader(shape, count: count, dimensions: dimensions, cut: cut)
  }

  /// The most bytes of a vector and what comes with it: its numbers may stand on lines of their own, and of one with 4,096
  /// dimensions it can still be told that it has too many. One that is cut here may have four times as many.
  static func mostBytesOfItem(dimensions: Int, isCut: Bool = false) -> Int {
    32 * max(dimensions, isCut ? 16_384 : 4_096) + 4_096
  }

  /// Takes the next bytes; false where they can't be the reply's.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard broken == nil else { return false }
    do {
      try splitter.take(bytes) { item in
        var scanner = try JSONScanner(item)
        try reader.readItem(&scanner)
        try scanner.end()
      }
    } catch {
      broken = EmbeddingsReply.Broken(error)
    }
    return broken == nil
  }

  /// Whether an item of the reply's list has been read.
  var hasVectors: Bool { reader.hasItems }

  /// Whether each text can have a vector of what has come.
  var isAnswer: Bool { broken == nil && reader.isAnswer }

  /// Of its vectors as they came, once each text can have one; nil before, and once bytes can't be the reply's.
  func vectorTags(for question: SeenReplies.Question) -> VectorTags? {
    isAnswer ? reader.vectorTags(for: question) : nil
  }

  /// The document so far, with `{}` in place of each item of its list.
  var frame: [UInt8] { splitter.frame }

  /// What the reply says, once it has come whole.
  consuming func reply() throws(EmbeddingsReply.Broken) -> EmbeddingsReply {
    if let broken { throw broken }
    do {
      try splitter.frame.withUnsafeBytes { frame in
        var scanner = try JSONScanner(frame)
        try reader.readFrame(&scanner)
        try scanner.end()
      }
    } catch {
      throw EmbeddingsReply.Broken(error)
    }
    let places = try reader.places()
    let fullLength = reader.checkFullLength()
    let (vectors, unusable) = try reader.vectors(at: places)
    return EmbeddingsReply(
      vectors: vectors, unusable: unusable, model: reader.model.flatMap { $0.isEmpty ? nil : $0 },
      billedTokens: reader.billedTokens, isPlacedByOrder: reader.isPlacedByOrder, fullLength: fullLength)
  }
}

extension EmbeddingsReply.Broken {
  /// Why the reading of a reply ended.
  fileprivate init(_ error: any Error) {
    self =
      switch error {
      case let broken as EmbeddingsReply.Broken: broken
      case is ReplySplitter.TooLong: EmbeddingsReply.Broken(reason: EmbeddingsReply.tooLong)
      default: EmbeddingsReply.Broken(reason: "it is not the JSON of a reply with embeddings")
      }
  }
}
