import CCrypto

/// The SHA-256 of a text's UTF-8 bytes: what stands for a text wherever the text itself may not be (P10).
package struct TextDigest: Hashable, Sendable {
  private let words: (UInt64, UInt64, UInt64, UInt64)

  package init(of text: String) {
    var text = text
    self = text.withUTF8 { TextDigest(ofUTF8: UnsafeRawBufferPointer($0)) }
  }

  package init(ofUTF8 utf8: UnsafeRawBufferPointer) {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let digested = withUnsafeMutableBytes(of: &words) { digest in
      EVP_Digest(utf8.baseAddress, utf8.count, digest.baseAddress, nil, TextDigest.sha256, nil)
    }
    precondition(digested == 1, "libcrypto has no SHA-256")
    self.words = words
  }

  // Never freed or changed. `EVP_sha256()` would be looked up in libcrypto's tables for each digest.
  private nonisolated(unsafe) static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)

  /// A digest from its 32 bytes; nil for any other number of bytes.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == TextDigest.byteCount else { return nil }
    self.init(unchecked: Array(bytes))
  }

  private init(unchecked bytes: [UInt8]) {
    words = bytes.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self) }
  }

  package static let byteCount = 32

  package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

  package static func == (a: TextDigest, b: TextDigest) -> Bool { a.words == b.words }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
  }
}
