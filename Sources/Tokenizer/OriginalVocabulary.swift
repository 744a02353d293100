import FoundationEssentials

/// cl100k_base as OpenAI publishes it: a line `base64(token) rank` for each token, in the order of their ranks.
struct OriginalVocabulary {
  static let fingerprint = Checksum(0x8967_b131_f4c8_9064)

  /// Each token's bytes; the index is its rank.
  let tokens: [ArraySlice<UInt8>]

  /// Takes the file's content, or nothing if it is not cl100k_base.
  init?(_ file: Data) {
    guard file.withUnsafeBytes({ Checksum(of: $0) }) == Self.fingerprint else { return nil }
    tokens = file.split(separator: UInt8(ascii: "\n")).map { line in
      let base64 = line.prefix { $0 != UInt8(ascii: " ") }
      return Data(base64Encoded: base64).map { ArraySlice($0) } ?? []
    }
  }
}
