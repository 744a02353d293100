import Backfill

@testable import EmbeddingAPIs

/// The lines of files of a batch's answers.
enum BatchCheck {
  private static let counts = ["a": 1, "b": 2, "c": 3]

  /// Its bytes: how many come at once, and then the file.
  static func lines(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let pieceBytes = 1 << input.choice(12)
    let dimensions = 2
    let embedder = try ReplyCheck.embedder(.openAI, dimensions: dimensions, isCut: false)
    var reader = BatchAnswerReader(embedder) { counts[$0] }
    var splitter = LineSplitter(mostBytes: 1 << 12)
    var lines: [LineSplitter.Line] = []
    input.rest.withUnsafeBytes { file in
      var start = 0
      while start < file.count {
        let end = min(file.count, start + pieceBytes)
        lines += splitter.take(UnsafeRawBufferPointer(rebasing: file[start..<end]))
        start = end
      }
    }
    if let last = splitter.end() { lines.append(last) }
    var withVectors: Set<String> = []
    for line in lines {
      switch reader.answer(line) {
      case .unknown(let number):
        guard (1...lines.count).contains(number) else { throw Broken("line \(number) of \(lines.count)") }
      case .reply(let id, let reply):
        guard let count = counts[id], withVectors.insert(id).inserted else { throw Broken("two answers to \(id)") }
        try ReplyCheck.check(reply, count: count, dimensions: dimensions)
      case .failure(let id, let failure):
        guard counts[id] != nil, failure.serverMessage == nil else { throw Broken("what a server says of \(id)") }
        try ReplyCheck.check(failure)
      }
    }
  }
}
