import Foundation
import Testing

@testable import EmbeddingAPIs

/// The lines of a file that is never in memory as a whole.
struct LineSplitterTests {
  @Test(arguments: [1, 2, 3, 7, 64, 4_096])
  func `lines are the same however the bytes come`(piece: Int) {
    let text = "{\"a\":1}\n\r\n\n{\"b\":\"ü\"}\r\n" + String(repeating: "x", count: 100) + "\nlast"
    var splitter = LineSplitter(mostBytes: 100)
    var lines: [LineSplitter.Line] = []
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: piece) {
      bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { lines += splitter.take($0) }
    }
    if let last = splitter.end() { lines.append(last) }
    let whole = ["{\"a\":1}", "{\"b\":\"ü\"}", String(repeating: "x", count: 100), "last"]
    #expect(lines == whole.map { .whole(Array($0.utf8)) })
    #expect(splitter.end() == nil)
  }

  @Test(arguments: [1 << 10, 1 << 17])
  func `a line without an end takes no more memory than a line may have`(piece: Int) {
    let most = 1 << 20
    var splitter = LineSplitter(mostBytes: most)
    let part = [UInt8](repeating: 0x61, count: piece)
    var held = 0
    for _ in 0..<(64 << 20) / piece {
      part.withUnsafeBytes { #expect(splitter.take($0).isEmpty) }
      held = max(held, splitter.line.count)
    }
    #expect(held <= most)
    let rest = Array("b\nnext\n".utf8)
    let lines = rest.withUnsafeBytes { splitter.take($0) }
    let beginning = [UInt8](repeating: 0x61, count: LineSplitter.keptBytes)
    #expect(lines == [.tooLong(beginning: beginning), .whole(Array("next".utf8))])
  }

  @Test(arguments: [99, 100, 101])
  func `a line may have just so many bytes`(count: Int) {
    var splitter = LineSplitter(mostBytes: 100)
    let bytes = [UInt8](repeating: 0x61, count: count) + [0x0A]
    let lines = bytes.withUnsafeBytes { splitter.take($0) }
    let line = Array(bytes.dropLast())
    #expect(lines == [count > 100 ? .tooLong(beginning: line) : .whole(line)])
  }
}
