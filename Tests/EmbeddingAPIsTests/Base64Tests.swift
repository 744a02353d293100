import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

struct Base64Tests {
  @Test(arguments: 0...50)
  func `bytes of any number are read, with padding and without`(_ count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    let data = Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
    let text = data.base64EncodedString()
    #expect(decode(text) == data)
    #expect(decode(text.replacing("=", with: "")) == data)
  }

  @Test func `every pair of bytes is read`() {
    let words: [UInt16] = (0...UInt16.max).map { $0 }
    let data = words.withUnsafeBytes { Data($0) } + Data([0])
    #expect(decode(data.base64EncodedString()) == data)
  }

  @Test(arguments: [
    "A", "AAAAA", "A===", "AA*A", "AAA\n", "AA AA", "====", "AA=A", "AAAA=AAA", "ÄAAA", "\u{0}AAA",
  ])
  func `what is no base64 is refused`(_ text: String) {
    #expect(decode(text) == nil)
  }

  @Test func `what Foundation reads is read the same, and what it refuses is refused, wherever a character is wrong`() {
    var random = SeededGenerator.printed()
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_".utf8)
    for _ in 0..<3_000 {
      var text = (0..<4 * Int.random(in: 0...12, using: &random)).map { _ in
        alphabet.randomElement(using: &random) ?? 65
      }
      if random.chance(0.5), let place = text.indices.randomElement(using: &random) {
        // "=" within or at the end has a test of its own.
        text[place] = .random(in: 0...255, using: &random)
        if text[place] == UInt8(ascii: "=") { continue }
      }
      let isRight = text.allSatisfy(alphabet.contains)
      let standard = text.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "+") : $0 == UInt8(ascii: "_") ? 0x2F : $0 }
      #expect(decode(text) == (isRight ? Data(base64Encoded: Data(standard)) : nil))
    }
  }

  private func decode(_ text: String) -> Data? { decode(Array(text.utf8)) }

  private func decode(_ text: [UInt8]) -> Data? {
    text.withUnsafeBufferPointer { characters in
      // Guard bytes behind the output show a write past its end.
      let count = Base64.byteCount(of: characters)
      var output = [UInt8](repeating: 0xA5, count: count + 8)
      let isDecoded = output.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { Base64.decode(characters, to: $0) } ?? false
      }
      #expect(output.suffix(8).allSatisfy { $0 == 0xA5 })
      return isDecoded ? Data(output.prefix(count)) : nil
    }
  }
}
