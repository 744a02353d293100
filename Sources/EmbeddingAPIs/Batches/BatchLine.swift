import Backfill

/// A line of an output file or an error file, as far as it is looked at; its parts point into the line's bytes.
struct BatchLine {
  /// How an API writes its lines.
  enum Form: Sendable {
    /// As OpenAI and Mistral do, in both files: `{"id", "custom_id", "response": {"status_code", "request_id", "body"},
    /// "error": {"code", "message"}}`, the response or the error being null.
    case openAI
    /// As Gemini does, with errors and vectors in one file: `{"key", "response": {"embedding": {"values"}}}`, or
    /// `{"key", "error": {"code", "message"}}`. Of one text each. Where the vector stands is not verified, so the other places
    /// that Google's types have for one are read too: `embeddings` with one alone, `embedContentResponse`, `values`, each in
    /// the response or beside the key.
    case gemini
  }

  private(set) var id: String?
  private(set) var status: Int?
  private(set) var requestID: String?
  /// The reply as the synchronous API gives it. Mistral puts an error's JSON into a string.
  private(set) var body: UnsafeRawBufferPointer?
  private(set) var error: UnsafeRawBufferPointer?
  /// In Gemini's form, in place of `body`: the object with the vector, or the vector's list of numbers.
  private(set) var embedding: UnsafeRawBufferPointer?
  /// In Gemini's form: the billed tokens, where the line tells them.
  private(set) var tokens: Int?
  /// In Gemini's form: what the error's code stands for.
  private(set) var code: RPCStatus?
  private let form: Form

  /// Nil where the bytes are no such line.
  init?(_ bytes: UnsafeRawBufferPointer, _ form: Form) {
    self.init(form)
    do {
      var scanner = try JSONScanner(bytes)
      try read(&scanner)
      try scanner.end()
    } catch {
      return nil
    }
    // What has a reply and no status that says otherwise is one that was answered.
    if status == nil, error == nil, body != nil || embedding != nil { status = 200 }
  }

  /// The id of a line of which only the beginning is there; nil where that doesn't have it.
  static func id(inBeginning bytes: UnsafeRawBufferPointer, _ form: Form) -> String? {
    var line = BatchLine(form)
    guard var scanner = try? JSONScanner(bytes) else { return nil }
    // It ends in the middle, so that reading it fails there.
    try? line.read(&scanner)
    return line.id
  }

  private init(_ form: Form) {
    self.form = form
  }

  private mutating func read(_ scanner: inout JSONScanner) throws {
    let idName = form == .openAI ? "custom_id" : "key"
    try scanner.object { key, scanner in
      switch key {
      case idName: id = try BatchLine.word(&scanner)
      case "response" where scanner.peek() == UInt8(ascii: "{"):
        if form == .openAI { try readResponse(&scanner) } else { try readAnswer(&scanner) }
      case "error" where scanner.peek() != UInt8(ascii: "n"): try readError(&scanner)
      default: if form == .openAI { try scanner.skip() } else { try readPart(key, &scanner) }
      }
    }
  }

  private mutating func readResponse(_ scanner: inout JSONScanner) throws {
    try scanner.object { key, scanner in
      switch key {
      case "status_code": status = try BatchLine.count(&scanner)
      case "request_id": requestID = try BatchLine.word(&scanner)
      case "body" where scanner.peek() != UInt8(ascii: "n"): body = try scanner.raw()
      default: try scanner.skip()
      }
    }
  }

  /// Reads Gemini's reply to one text. That its tokens stand at `usageMetadata.promptTokenCount` or at `tokenCount` is from
  /// the types of Google's clients; whether a line has either is not verified.
  private mutating func readAnswer(_ scanner: inout JSONScanner) throws {
    status = 200
    try scanner.object { key, scanner in try readPart(key, &scanner) }
  }

  private mutating func readPart(_ key: String, _ scanner: inout JSONScanner) throws {
    switch (key, scanner.peek()) {
    case ("embedding", UInt8(ascii: "{")), ("values", UInt8(ascii: "[")):
      let found = try scanner.raw()
      embedding = embedding ?? found
    case ("embeddings", UInt8(ascii: "[")):
      var items: [UnsafeRawBufferPointer] = []
      try scanner.array { scanner in items.append(try scanner.raw()) }
      if items.count == 1, items[0].first == UInt8(ascii: "{") { embedding = embedding ?? items[0] }
    case ("embedContentResponse", UInt8(ascii: "{")):
      try scanner.object { key, scanner in try readPart(key, &scanner) }
    case ("usageMetadata", UInt8(ascii: "{")):
      try scanner.object { key, scanner in
        if key == "promptTokenCount" { tokens = try BatchLine.count(&scanner) } else { try scanner.skip() }
      }
    case ("tokenCount", _): tokens = try BatchLine.count(&scanner) ?? tokens
    case ("error", let first) where first != UInt8(ascii: "n"): try readError(&scanner)
    default: try scanner.skip()
    }
  }

  private mutating func readError(_ scanner: inout JSONScanner) throws {
    let raw = try scanner.raw()
    error = raw
    guard form == .gemini else { return }
    status = nil
    guard raw.first == UInt8(ascii: "{") else { return }
    var inner = try JSONScanner(raw)
    try inner.object { key, inner in
      if key == "code" {
        code = try BatchLine.count(&inner).flatMap { RPCStatus(rawValue: $0) }
      } else {
        try inner.skip()
      }
    }
  }

  /// A number, also where it is written as a text, as protocol buffers write those of 64 bits.
  private static func count(_ scanner: inout JSONScanner) throws -> Int? {
    switch scanner.peek() {
    case UInt8(ascii: "\""): return Int(try scanner.string())
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return Int(exactly: try scanner.number())
    default:
      try scanner.skip()
      return nil
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
