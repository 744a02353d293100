import Backfill
import Foundation
import Testing

@Suite struct TextDigestTests {
  @Test func `a digest is the SHA-256 of the UTF-8 bytes`() {
    let digest = TextDigest(of: "abc").bytes.map { String(format: "%02x", $0) }.joined()
    #expect(digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
