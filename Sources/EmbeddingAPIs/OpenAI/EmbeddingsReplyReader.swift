import Backfill
import Foundation

/// Reads a reply's vectors as they come, each with what is wrong with it, and finds the text of each.
struct EmbeddingsReplyReader {
  private struct Item {
    /// Where its vector stands among the values; nil for a null.
    var slot: Int?
    /// Nil where the item tells none.
    var index: Int?
    /// Why its vector can't be used; nil where it can.
    var fault: String?

    /// A null in the item's place.
    var isNull: Bool { slot == nil }
  }

  private(set) var model: String?
  private(set) var promptTokens: Int?
  private(set) var totalTokens: Int?
  private let count: Int
  private let dimensions: Int
  /// The vectors in the order of the reply.
  private var values: [Float] = []
  /// What was read as an object of the list.
  private var objects: [Item] = []
  /// All that the list holds.
  private var items: [Item] = []

  var hasItems: Bool { !objects.isEmpty }

  init(count: Int, dimensions: Int) {
    self.count = count
    self.dimensions = dimensions
  }

  /// Reads the reply around the objects of its list, which were read before and have `{}` in their place.
  mutating func readFrame(_ scanner: inout JSONScanner) throws {
    try scanner.object { key, scanner in
      switch key {
      case "data": try scanner.array { scanner in try place(&scanner) }
      case "model": model = try readWord(&scanner)
      case "usage": try readUsage(&scanner)
      default: try scanner.skip()
      }
    }
  }

  /// For each text the position of its item in the reply; nil for a text that the reply proves to have left out.
  ///
  /// Without any index, order and count are the proof. Gemini leaves out the index 0, as protocol buffers do with zeros.
  /// Fewer items than texts tell which are missing only where an index beyond their number shows that they are the
  /// texts' own: a server that drops a text and numbers the rest anew would give each its neighbour's vector.
  func places() throws(EmbeddingsReply.Broken) -> [Int?] {
    let told = items.compactMap(\.index)
    guard !told.isEmpty else {
      guard items.count == count else { throw .init(reason: "it has \(items.count) vectors for \(count) texts") }
      return Array(0..<count)
    }
    var places = [Int?](repeating: nil, count: count)
    for (position, item) in items.enumerated() {
      let isZeroLeftOut = position == 0 && !told.contains(0)
      let isNullInPlace = item.isNull && items.count == count && !told.contains(position)
      guard let index = item.index ?? (isZeroLeftOut ? 0 : isNullInPlace ? position : nil) else {
        if item.isNull { continue }
        throw .init(reason: "a vector has no index")
      }
      guard places.indices.contains(index) else { throw .init(reason: "it has an index \(index) of \(count) texts") }
      guard places[index] == nil else { throw .init(reason: "it has the index \(index) twice") }
      places[index] = position
    }
    let placed = places.count { $0 != nil }
    let areTextsOwn = placed == count || places.suffix(from: placed).contains { $0 != nil }
    guard areTextsOwn else { throw .init(reason: "it has \(placed) vectors for \(count) texts") }
    return places
  }

  /// The vectors in the order of the texts, with zeros for those that can't be used, and why they can't.
  func vectors(at places: [Int?]) throws(EmbeddingsReply.Broken) -> (Vectors, unusable: [Int: String]) {
    var unusable: [Int: String] = [:]
    for (index, place) in places.enumerated() {
      guard let place else {
        unusable[index] = "the reply has no vector for it"
        continue
      }
      if let fault = items[place].fault { unusable[index] = fault }
    }
    guard unusable.count < count else {
      throw .init(
        reason: "it has no vector that can be used; of the first text, \(unusable[0] ?? "there is none")",
        isOfOneText: count == 1)
    }
    let slots = places.map { $0.flatMap { items[$0].slot } }
    guard !unusable.isEmpty || slots != Array(0..<count) else {
      return (Vectors(dimensions: dimensions, values: values), [:])
    }
    var ordered = [Float](repeating: 0, count: count * dimensions)
    for (index, slot) in slots.enumerated() where unusable[index] == nil {
      guard let slot else { continue }
      let (to, from) = (index * dimensions, slot * dimensions)
      ordered.replaceSubrange(to..<to + dimensions, with: values[from..<from + dimensions])
    }
    return (Vectors(dimensions: dimensions, values: ordered), unusable)
  }

  /// Reads an object of the list.
  mutating func readItem(_ scanner: inout JSONScanner) throws {
    try checkCount(objects.count)
    // The memory for all of them is taken as it is used.
    if objects.isEmpty { values.reserveCapacity(count * dimensions) }
    values.append(contentsOf: repeatElement(0, count: dimensions))
    var item = Item(slot: objects.count, fault: "the reply has no vector for it")
    try scanner.object { key, scanner in
      switch key {
      case "index": item.index = try readIndex(&scanner)
      case "embedding": item.fault = try readVector(&scanner) ?? faultOfValues()
      default: try scanner.skip()
      }
    }
    objects.append(item)
  }

  private mutating func place(_ scanner: inout JSONScanner) throws {
    try checkCount(items.count)
    if scanner.peek() == UInt8(ascii: "n") {
      items.append(Item(fault: "the reply has no vector for it"))
    } else {
      let next = items.count { !$0.isNull }
      guard scanner.peek() == UInt8(ascii: "{"), next < objects.count else { throw JSONScanner.Malformed() }
      items.append(objects[next])
    }
    try scanner.skip()
  }

  private func checkCount(_ items: Int) throws(EmbeddingsReply.Broken) {
    guard items < count else { throw .init(reason: "it has more than \(count) vectors for \(count) texts") }
  }

  private func readIndex(_ scanner: inout JSONScanner) throws -> Int? {
    if scanner.peek() == UInt8(ascii: "n") {
      try scanner.skip()
      return nil
    }
    guard let index = Int(exactly: try scanner.number()) else { throw JSONScanner.Malformed() }
    return index
  }

  /// Reads a vector into its place, and returns why it can't be used.
  private mutating func readVector(_ scanner: inout JSONScanner) throws -> String? {
    switch scanner.peek() {
    case UInt8(ascii: "["): return try readNumbers(&scanner)
    case UInt8(ascii: "\""): return try readBase64(&scanner)
    case UInt8(ascii: "n"):
      try scanner.skip()
      return "its vector is null"
    default:
      try scanner.skip()
      return "its vector is neither a list of numbers nor base64"
    }
  }

  private mutating func readNumbers(_ scanner: inout JSONScanner) throws -> String? {
    let start = objects.count * dimensions
    var length = 0
    var areNumbers = true
    try scanner.array { scanner in
      let value = try scanner.looseNumber()
      if let value, length < dimensions { values[start + length] = Float(value) }
      areNumbers = areNumbers && value != nil
      length += 1
    }
    return areNumbers ? faultOf(length: length) : "its vector has a value that is no number, such as null"
  }

  private mutating func readBase64(_ scanner: inout JSONScanner) throws -> String? {
    let start = 4 * objects.count * dimensions
    return try scanner.withString { text in
      let byteCount = Base64.byteCount(of: text)
      let notFloats = "its vector is not base64 of float32 values"
      guard byteCount.isMultiple(of: 4) else { return notFloats }
      if let fault = faultOf(length: byteCount / 4) { return fault }
      // The bytes are little-endian, as every platform that vecfill is built for.
      let isDecoded = values.withUnsafeMutableBytes { block in
        block.baseAddress.map { Base64.decode(text, to: $0 + start) } ?? false
      }
      return isDecoded ? nil : notFloats
    }
  }

  private func faultOf(length: Int) -> String? {
    length == dimensions ? nil : "its vector has \(length) dimensions where \(dimensions) are needed"
  }

  /// A vector of zeros has no direction: pgvector leaves it out of a cosine index, so that nobody would ever find it.
  private func faultOfValues() -> String? {
    let start = objects.count * dimensions
    // Without its sign a float's bits are a number that grows with it, infinity and NaN above all: one that a loop without
    // an exit finds many at a time.
    let most = values.withUnsafeBufferPointer { values in
      var most: Int32 = 0
      var index = start
      while index < start + dimensions {
        most = max(most, Int32(bitPattern: values[index].bitPattern & 0x7FFF_FFFF))
        index &+= 1
      }
      return most
    }
    if most >= Int32(bitPattern: Float.infinity.bitPattern) { return "its vector has a value that is not finite" }
    return most == 0 ? "its vector is all zeros" : nil
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

  private func readWord(_ scanner: inout JSONScanner) throws -> String? {
    guard scanner.peek() == UInt8(ascii: "\"") else {
      try scanner.skip()
      return nil
    }
    return try scanner.string()
  }

  private func readCount(_ scanner: inout JSONScanner) throws -> Int? {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(scanner.peek()) else {
      try scanner.skip()
      return nil
    }
    return Int(exactly: try scanner.number())
  }
}
