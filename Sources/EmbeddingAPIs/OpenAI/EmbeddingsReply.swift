import Backfill
import Foundation

/// What a reply of status 200 says, with its vectors in the order of the texts.
struct EmbeddingsReply {
  let vectors: Vectors
  let model: String
  /// `usage.prompt_tokens`, or `total_tokens` where only that is told (Voyage).
  let promptTokens: Int?

  /// How a reply broke its contract.
  struct Broken: Error, Equatable {
    let reason: String

    static let notFloats = Broken(reason: "a vector is not base64 of float32 values")
  }

  /// Reads the reply to `count` texts, each vector by its `index` and by its own JSON type, whatever was asked for:
  /// servers exist that ignore `encoding_format` (LM Studio; LiteLLM before Ollama).
  init(_ body: Data, count: Int, dimensions: Int) throws(Broken) {
    var reader = Reader(count: count, dimensions: dimensions)
    do {
      try body.withUnsafeBytes { bytes in
        var scanner = try JSONScanner(bytes)
        try reader.read(&scanner)
        try scanner.end()
      }
    } catch let broken as Broken {
      throw broken
    } catch {
      throw Broken(reason: "it is not the JSON of a reply with embeddings")
    }
    vectors = Vectors(dimensions: dimensions, values: try reader.ordered())
    guard let model = reader.model else { throw Broken(reason: "it names no model") }
    self.model = model
    promptTokens = reader.promptTokens ?? reader.totalTokens
  }
}

extension EmbeddingsReply {
  private struct Reader {
    let count: Int
    let dimensions: Int
    var model: String?
    var promptTokens: Int?
    var totalTokens: Int?
    /// The vectors in the order of the reply.
    private var values: [Float]
    /// The reply's indices in its own order.
    private var indices: [Int] = []

    init(count: Int, dimensions: Int) {
      self.count = count
      self.dimensions = dimensions
      values = [Float](repeating: 0, count: count * dimensions)
    }

    mutating func read(_ scanner: inout JSONScanner) throws {
      try scanner.object { key, scanner in
        switch key {
        case "data": try scanner.array { scanner in try readItem(&scanner) }
        case "model": model = scanner.peek() == UInt8(ascii: "\"") ? try scanner.string() : nil
        case "usage": try readUsage(&scanner)
        default: try scanner.skip()
        }
      }
    }

    /// The block in the order of the texts, once each has its vector of finite values.
    func ordered() throws(Broken) -> [Float] {
      guard indices.count == count else { throw Broken(reason: "it has \(indices.count) vectors for \(count) texts") }
      guard values.allSatisfy(\.isFinite) else { throw Broken(reason: "a value is not finite") }
      guard indices != Array(0..<count) else { return values }
      var slots = [Int?](repeating: nil, count: count)
      for (slot, index) in indices.enumerated() {
        guard slots.indices.contains(index) else { throw Broken(reason: "it has an index \(index) of \(count) texts") }
        guard slots[index] == nil else { throw Broken(reason: "it has the index \(index) twice") }
        slots[index] = slot
      }
      return slots.compactMap(\.self).flatMap { values[$0 * dimensions..<($0 + 1) * dimensions] }
    }

    private mutating func readItem(_ scanner: inout JSONScanner) throws {
      guard indices.count < count else { throw Broken(reason: "it has more than \(count) vectors for \(count) texts") }
      var index: Int?
      var hasVector = false
      try scanner.object { key, scanner in
        switch key {
        case "index": index = Int(exactly: try scanner.number())
        case "embedding":
          try readVector(&scanner)
          hasVector = true
        default: try scanner.skip()
        }
      }
      guard let index else { throw Broken(reason: "a vector has no index") }
      guard hasVector else { throw Broken(reason: "the item of index \(index) has no vector") }
      indices.append(index)
    }

    private mutating func readVector(_ scanner: inout JSONScanner) throws {
      switch scanner.peek() {
      case UInt8(ascii: "["): try readNumbers(&scanner)
      case UInt8(ascii: "\""): try readBase64(&scanner)
      default: throw Broken(reason: "a vector is neither a list of numbers nor base64")
      }
    }

    private mutating func readNumbers(_ scanner: inout JSONScanner) throws {
      let start = indices.count * dimensions
      var length = 0
      try scanner.array { scanner in
        guard scanner.peek() != UInt8(ascii: "n") else { throw Broken(reason: "a vector has a null in it") }
        let value = try scanner.number()
        if length < dimensions { values[start + length] = Float(value) }
        length += 1
      }
      try check(length: length)
    }

    private mutating func readBase64(_ scanner: inout JSONScanner) throws {
      let start = 4 * indices.count * dimensions
      try scanner.withString { text in
        let byteCount = Base64.byteCount(of: text)
        guard byteCount.isMultiple(of: 4) else { throw Broken.notFloats }
        try check(length: byteCount / 4)
        // The bytes are little-endian, as every platform that vecfill is built for.
        let isDecoded = values.withUnsafeMutableBytes { block in
          block.baseAddress.map { Base64.decode(text, to: $0 + start) } ?? false
        }
        guard isDecoded else { throw Broken.notFloats }
      }
    }

    private func check(length: Int) throws(Broken) {
      guard length == dimensions else {
        throw Broken(reason: "a vector has \(length) dimensions where \(dimensions) are needed")
      }
    }

    private mutating func readUsage(_ scanner: inout JSONScanner) throws {
      guard scanner.peek() == UInt8(ascii: "{") else { return try scanner.skip() }
      try scanner.object { key, scanner in
        switch key {
        case "prompt_tokens": promptTokens = try readCount(&scanner)
        case "total_tokens": totalTokens = try readCount(&scanner)
        default: try scanner.skip()
        }
      }
    }

    private func readCount(_ scanner: inout JSONScanner) throws -> Int? {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(scanner.peek()) else {
        try scanner.skip()
        return nil
      }
      return Int(exactly: try scanner.number())
    }
  }
}
