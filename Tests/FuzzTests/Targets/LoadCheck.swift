import Backfill
import Foundation

@testable import EmbeddingAPIs

/// Files of vectors, plain or compressed, whoever wrote them.
enum LoadCheck {
  static func file(_ bytes: [UInt8]) throws {
    let folder = try ScratchFolder()
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file("part.jsonl")))
    let file = try LineFile(folder.file("part.jsonl"), mostLineBytes: 1 << 16)
    var number = 0
    while let line = try file.next() {
      number += 1
      guard line.number == number, line.bytes.count <= 1 << 16 else { throw Broken("line \(line.number)") }
      try check(ResultLineReader.read(line.bytes, dimensions: 2))
    }
  }

  private static func check(_ line: ResultLine) throws {
    switch line {
    case .blank, .request: return
    case .failed(let reason), .refused(let reason):
      // A code is the provider's own word: it is told where it is plain.
      guard reason.utf8.count <= 200 else { throw Broken("a reason without end") }
      guard reason.unicodeScalars.allSatisfy({ (0x20..<0x7F).contains($0.value) }) else {
        throw Broken("a reason of more than one line: \(reason.debugDescription)")
      }
    case .vectors(let read):
      if case .ticket(let ticket) = read.row {
        guard RowTicket("\(ticket)") == ticket else { throw Broken("a ticket that isn't itself: \(ticket)") }
      }
      if case .key(let key, _, _) = read.row {
        for kind in [RowKey.Kind.integer, .text, .uuid, .bytes, .composite([.integer, .text])] { _ = key.key(of: kind) }
      }
      guard !read.vectors.isEmpty else { throw Broken("a line of vectors has none") }
      _ = read.isOfAnother(than: ReplyCheck.model, alias: nil)
      try Canary.checkLine(read.shownModel)
    }
  }
}
