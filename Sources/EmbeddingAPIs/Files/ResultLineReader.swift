import Backfill

/// Reads one line: a provider's output (`custom_id` and `response`), or a key with a digest or a text and its vector.
package struct ResultLineReader {
  private struct Item {
    let index: Int?
    let vector: [Float]
  }

  /// A line of more values is none of these: at most so many vectors are of one row.
  private static let mostVectors = 4_096

  private let dimensions: Int
  private var ticket: String?
  private var key: ResultLine.Key?
  private var table: String?
  private var digest: String?
  private var text: String?
  private var items: [Item] = []
  private var hasVector = false
  private var model: String?
  private var tokens: Int?
  private var status: Int?
  private var error: String?
  private var isRequest = false
  private var fault: String?

  /// What the line of `bytes` says, without its line break.
  ///
  /// - Parameter dimensions: how long its vectors are likely to be.
  package static func read(_ bytes: [UInt8], dimensions: Int) -> ResultLine {
    bytes.withUnsafeBytes { bytes in
      var bytes = bytes
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(3)) }
      guard bytes.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { return .blank }
      var reader = ResultLineReader(dimensions: dimensions)
      do {
        var scanner = try JSONScanner(bytes)
        guard scanner.peek() == UInt8(ascii: "{") else { return .refused("it is no JSON object") }
        try scanner.object { try reader.member($0, &$1) }
        try scanner.end()
      } catch {
        return .refused("it is not JSON")
      }
      return reader.line
    }
  }

  private init(dimensions: Int) {
    self.dimensions = dimensions
  }

  private mutating func member(_ name: String, _ scanner: inout JSONScanner) throws {
    switch name {
    case "custom_id": ticket = try string(&scanner)
    case "key": key = try readKey(&scanner) ?? key
    case "table": table = try string(&scanner)
    case "digest": digest = try string(&scanner)
    case "text": text = try string(&scanner)
    case "vector", "embedding":
      items = try [Item(index: nil, vector: vector(&scanner))]
      hasVector = true
    case "model": model = try string(&scanner)
    case "method", "body":
      isRequest = true
      try scanner.skip()
    case "response": try object(&scanner) { reader, name, scanner in try reader.response(name, &scanner) }
    case "error":
      if let told = try readError(&scanner) { error = told }
    default: try scanner.skip()
    }
  }

  private mutating func response(_ name: String, _ scanner: inout JSONScanner) throws {
    switch name {
    case "status_code": status = try integer(&scanner)
    case "body": try object(&scanner) { reader, name, scanner in try reader.body(name, &scanner) }
    default: try scanner.skip()
    }
  }

  private mutating func body(_ name: String, _ scanner: inout JSONScanner) throws {
    switch name {
    case "data":
      guard scanner.peek() == UInt8(ascii: "[") else { return try scanner.skip() }
      try scanner.array { scanner in try item(&scanner) }
    case "model": model = try string(&scanner)
    case "usage":
      try object(&scanner) { reader, name, scanner in
        guard ["prompt_tokens", "total_tokens"].contains(name) else { return try scanner.skip() }
        let count = try reader.integer(&scanner)
        if name == "prompt_tokens" || reader.tokens == nil { reader.tokens = count }
      }
    case "error":
      if let told = try readError(&scanner) { error = told }
    default: try scanner.skip()
    }
  }

  private mutating func item(_ scanner: inout JSONScanner) throws {
    var index: Int?
    var found: [Float]?
    try object(&scanner) { reader, name, scanner in
      switch name {
      case "index": index = try reader.integer(&scanner)
      case "embedding": found = try reader.vector(&scanner)
      default: try scanner.skip()
      }
    }
    guard let found, items.count < Self.mostVectors else {
      fault = fault ?? "an item of it has no vector"
      return
    }
    hasVector = true
    items.append(Item(index: index, vector: found))
  }

  private mutating func vector(_ scanner: inout JSONScanner) throws -> [Float] {
    var values: [Float] = []
    switch scanner.peek() {
    case UInt8(ascii: "["):
      values.reserveCapacity(dimensions)
      var isWhole = true
      try scanner.array { scanner in
        guard let value = try scanner.looseNumber() else {
          isWhole = false
          return
        }
        values.append(Float(value))
      }
      if !isWhole { fault = fault ?? "a value of its vector is no number" }
    case UInt8(ascii: "\""):
      try scanner.withString { text in
        if let floats = Base64.floats(of: text) {
          values = floats
        } else {
          fault = fault ?? "its vector is no base64 of float32 values"
        }
      }
    default:
      try scanner.skip()
      fault = fault ?? "its vector is neither a list of numbers nor base64"
    }
    return values
  }

  /// The code, or that there is one: a message may quote the text.
  private mutating func readError(_ scanner: inout JSONScanner) throws -> String? {
    switch scanner.peek() {
    case UInt8(ascii: "n"):
      try scanner.skip()
      return nil
    case UInt8(ascii: "{"):
      var code: String?
      try object(&scanner) { reader, name, scanner in
        guard name == "code" else { return try scanner.skip() }
        code = try reader.string(&scanner)
      }
      return code.flatMap(ModelName.shown).map { "error \($0)" } ?? "an error"
    default:
      try scanner.skip()
      return "an error"
    }
  }

  private func readKey(_ scanner: inout JSONScanner) throws -> ResultLine.Key? {
    guard scanner.peek() == UInt8(ascii: "[") else { return try readPart(&scanner) }
    var parts: [ResultLine.Key] = []
    try scanner.array { scanner in
      if let part = try readPart(&scanner) { parts.append(part) }
    }
    return .list(parts)
  }

  private func readPart(_ scanner: inout JSONScanner) throws -> ResultLine.Key? {
    switch scanner.peek() {
    case UInt8(ascii: "\""): .text(try scanner.string())
    case let byte where byte == UInt8(ascii: "-") || byte &- 0x30 < 10: try scanner.wholeNumber().map { .integer($0) }
    default: try skipped(&scanner)
    }
  }

  private func skipped(_ scanner: inout JSONScanner) throws -> ResultLine.Key? {
    try scanner.skip()
    return nil
  }

  private func string(_ scanner: inout JSONScanner) throws -> String? {
    if scanner.peek() == UInt8(ascii: "\"") { return try scanner.string() }
    try scanner.skip()
    return nil
  }

  private func integer(_ scanner: inout JSONScanner) throws -> Int? {
    let first = scanner.peek()
    if first == UInt8(ascii: "-") || first &- 0x30 < 10 { return try scanner.wholeNumber().map { Int($0) } }
    try scanner.skip()
    return nil
  }

  private mutating func object(
    _ scanner: inout JSONScanner, _ member: (inout ResultLineReader, String, inout JSONScanner) throws -> Void
  ) throws {
    guard scanner.peek() == UInt8(ascii: "{") else { return try scanner.skip() }
    try scanner.object { name, scanner in try member(&self, name, &scanner) }
  }
}

/// What was read, put together.
extension ResultLineReader {
  private var line: ResultLine {
    if isRequest, !hasVector, error == nil { return .request }
    if let error { return .failed("the provider's answer is \(error)") }
    if let status, !(200..<300).contains(status) { return .failed("the provider's answer has the status \(status)") }
    if let fault { return .refused(fault) }
    guard hasVector else { return .refused("it has no vector") }
    let row: ResultLine.Row
    switch place {
    case .success(let found): row = found
    case .failure(let refusal): return .refused(refusal.reason)
    }
    guard let vectors = ordered else { return .refused("its vectors are not numbered from 0 on, each once") }
    return .vectors(ResultLine.Vectors(row: row, vectors: vectors, model: model, tokens: tokens))
  }

  private struct Refusal: Error {
    let reason: String
  }

  private var place: Result<ResultLine.Row, Refusal> {
    if let ticket {
      guard let ticket = RowTicket(ticket) else {
        return .failure(Refusal(reason: "its custom_id is none that `vecfill export` wrote"))
      }
      return .success(.ticket(ticket))
    }
    guard let key else { return .failure(Refusal(reason: "it has neither a custom_id nor a key")) }
    if let digest {
      let hex = digest.hasPrefix("\\x") ? String(digest.dropFirst(2)) : digest
      guard let bytes = [UInt8](hex: hex), let digest = TextDigest(bytes: bytes) else {
        return .failure(Refusal(reason: "its digest is no SHA-256 in hexadecimal"))
      }
      return .success(.key(key, table: table, digest: digest))
    }
    guard let text else {
      return .failure(Refusal(reason: "it has neither a digest nor a text, so nobody knows what its vector is of"))
    }
    return .success(.key(key, table: table, digest: TextDigest(of: text)))
  }

  private var ordered: [[Float]]? {
    guard items.count > 1 else { return items.map(\.vector) }
    let sorted = items.sorted { ($0.index ?? -1) < ($1.index ?? -1) }
    return sorted.map(\.index) == Array(0..<items.count) ? sorted.map(\.vector) : nil
  }
}
