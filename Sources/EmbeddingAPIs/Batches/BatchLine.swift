/// A line of an output file or an error file, as far as it is looked at; its parts point into the line's bytes.
///
/// Both files have the same form, at OpenAI and at Mistral: `{"id", "custom_id", "response": {"status_code",
/// "request_id", "body"}, "error": {"code", "message"}}`, the response or the error being null.
struct BatchLine {
  private(set) var id: String?
  private(set) var status: Int?
  private(set) var requestID: String?
  /// The reply as the synchronous API gives it. Mistral puts an error's JSON into a string.
  private(set) var body: UnsafeRawBufferPointer?
  private(set) var error: UnsafeRawBufferPointer?

  /// Nil where the bytes are no such line.
  init?(_ bytes: UnsafeRawBufferPointer) {
    do {
      var scanner = try JSONScanner(bytes)
      try read(&scanner)
      try scanner.end()
    } catch {
      return nil
    }
  }

  /// The id of a line of which only the beginning is there; nil where that doesn't have it.
  static func id(inBeginning bytes: UnsafeRawBufferPointer) -> String? {
    var line = BatchLine()
    guard var scanner = try? JSONScanner(bytes) else { return nil }
    // It ends in the middle, so that reading it fails there.
    try? line.read(&scanner)
    return line.id
  }

  private init() {}

  private mutating func read(_ scanner: inout JSONScanner) throws {
    try scanner.object { key, scanner in
      switch key {
      case "custom_id": id = try BatchLine.word(&scanner)
      case "response" where scanner.peek() == UInt8(ascii: "{"): try readResponse(&scanner)
      case "error" where scanner.peek() != UInt8(ascii: "n"): error = try scanner.raw()
      default: try scanner.skip()
      }
    }
  }

  private mutating func readResponse(_ scanner: inout JSONScanner) throws {
    try scanner.object { key, scanner in
      switch key {
      case "status_code" where scanner.peek() &- 0x30 < 10: status = Int(exactly: try scanner.number())
      case "request_id": requestID = try BatchLine.word(&scanner)
      case "body" where scanner.peek() != UInt8(ascii: "n"): body = try scanner.raw()
      default: try scanner.skip()
      }
    }
  }

  private static func word(_ scanner: inout JSONScanner) throws -> String? {
    guard scanner.peek() == UInt8(ascii: "\"") else {
      try scanner.skip()
      return nil
    }
    return try scanner.string()
  }
}
