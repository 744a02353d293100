import Backfill
import Foundation

/// Reads a reply's vectors as they come, each with what is wrong with it, and finds the text of each.
struct EmbeddingsReplyReader {
  private struct Item {
    /// Where its vector stands among the values; nil for a null.
    var slot: Int?
    /// Nil where the item gives none.
    var index: Int?
    /// Why its vector can't be used; nil where it can.
    var fault: String?
    /// The values of its vector before that was cut; nil where it was not read to be cut.
    var length: Int?

    /// A null in the item's place.
    var isNull: Bool { slot == nil }
  }

  private(set) var model: String?
  private let shape: ReplyShape
  private let count: Int
  private let dimensions: Int
  /// Nil where vectors must have the length that is needed.
  private let cut: LocalCut?
  /// What the reply gives at each of the places for the billed tokens.
  private var tokens: [Int?]
  /// The vectors in the order of the reply.
  private var values: [Float] = []
  /// What was read of the list: all but its nulls.
  private var objects: [Item] = []
  /// All that the list holds.
  private var items: [Item] = []

  var hasItems: Bool { !objects.isEmpty }

  /// Whether there are as many vectors as texts, and all can be used.
  var isAnswer: Bool { objects.count == count && objects.allSatisfy { $0.fault == nil } }

  /// Of its vectors as they came. It must be an answer.
  func vectorTags(for question: SeenReplies.Question) -> VectorTags {
    VectorTags(of: values, dimensions: dimensions, alone: (question.alone?.place).flatMap(slot))
  }

  /// Where the vector of the text at `index` stands among the values: by what was read of the list, in which every item has
  /// one. The first item may leave out its index 0.
  private func slot(of index: Int) -> Int? {
    objects.firstIndex { $0.index == index } ?? (objects[index].index == nil ? index : nil)
  }

  /// The first count that the reply gives in one of its places.
  var billedTokens: Int? { tokens.lazy.compactMap(\.self).first }

  /// Whether no item gives its index.
  var isPlacedByOrder: Bool { items.allSatisfy { $0.index == nil } }

  init(_ shape: ReplyShape, count: Int, dimensions: Int, cut: LocalCut?) {
    self.shape = shape
    self.count = count
    self.dimensions = dimensions
    self.cut = cut
    tokens = [Int?](repeating: nil, count: shape.usage.count)
  }

  /// Reads the reply around the items of its list, which were read before and have `{}` in their place.
  mutating func readFrame(_ scanner: inout JSONScanner) throws {
    try readPart(&scanner, at: [])
  }

  private mutating func readPart(_ scanner: inout JSONScanner, at path: [String]) throws {
    if shape.isList(path) {
      try scanner.array { scanner in try place(&scanner) }
    } else if let place = shape.usage.firstIndex(of: path) {
      tokens[place] = try readCount(&scanner)
    } else if let name = shape.model, path == [name] {
      model = try readWord(&scanner)
    } else if path.isEmpty || shape.leads(on: path) && scanner.peek() == UInt8(ascii: "{") {
      try scanner.object { key, scanner in try readPart(&scanner, at: path + [key]) }
    } else {
      try scanner.skip()
    }
  }

  /// For each text the position of its item in the reply; nil for a text that the reply proves to have left out.
  ///
  /// Without any index, order and count are the proof. Gemini leaves out the index 0, as protocol buffers do with zeros.
  /// Fewer items than texts tell which are missing only where an index beyond their number shows that they are the
  /// texts' own: a server that drops a text and renumbers the rest would give each its neighbour's vector.
  func places() throws(EmbeddingsReply.Broken) -> [Int?] {
    let told = items.compactMap(\.index)
    guard !told.isEmpty else {
      guard items.count == count else { throw wrongCount("\(items.count)") }
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
      guard places[index] == nil else { throw .init(reason: "it has the index \(index) twice", isOfCount: true) }
      places[index] = position
    }
    let placed = places.count { $0 != nil }
    let areTextsOwn = placed == count || places.suffix(from: placed).contains { $0 != nil }
    guard areTextsOwn else { throw wrongCount("\(placed)") }
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

  /// Finds fault with each vector that is cut here and whose full length is not that of the others, or not that of an
  /// earlier reply; returns that length. Nil where nothing is cut, and where no vector has told one.
  mutating func checkFullLength() -> Int? {
    let lengths = items.compactMap { $0.fault == nil ? $0.length : nil }
    let counts = Dictionary(lengths.map { ($0, 1) }, uniquingKeysWith: +)
    let most = counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
    guard let cut, let fullLength = cut.fullLength ?? most else { return nil }
    for (index, item) in items.enumerated() {
      guard item.fault == nil, let length = item.length, length != fullLength else { continue }
      items[index].fault = "its vector has \(length) dimensions where others have \(fullLength)"
    }
    return fullLength
  }

  /// Reads an item of the list: an object with a vector, or a vector.
  mutating func readItem(_ scanner: inout JSONScanner) throws {
    try checkCount(objects.count)
    // The memory for all of them is taken as it is used.
    if objects.isEmpty { values.reserveCapacity(count * dimensions) }
    values.append(contentsOf: repeatElement(0, count: dimensions))
    var item = Item(slot: objects.count, fault: "the reply has no vector for it")
    if let vector = shape.vector {
      try scanner.object { key, scanner in
        switch key {
        case vector: try readVector(&scanner, of: &item)
        case shape.index: item.index = try readIndex(&scanner)
        default: try scanner.skip()
        }
      }
    } else {
      try readVector(&scanner, of: &item)
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
    guard items < count else { throw wrongCount("more than \(count)") }
  }

  private func wrongCount(_ found: String) -> EmbeddingsReply.Broken {
    .init(reason: "it has \(found) vectors for \(count) texts", isOfCount: true)
  }

  private func readIndex(_ scanner: inout JSONScanner) throws -> Int? {
    if scanner.peek() == UInt8(ascii: "n") {
      try scanner.skip()
      return nil
    }
    let isText = scanner.peek() == UInt8(ascii: "\"")
    let index = try isText ? Int(scanner.string()) : scanner.looseNumber().flatMap { Int(exactly: $0) }
    guard let index else {
      throw EmbeddingsReply.Broken(reason: "it has an index that is no whole number")
    }
    return index
  }

  /// Reads a vector into its place, and what is wrong with it.
  private mutating func readVector(_ scanner: inout JSONScanner, of item: inout Item) throws {
    if cut != nil {
      var vector: [Float] = []
      item.fault = try read(&scanner, whole: &vector) ?? takeBeginning(of: vector)
      item.length = vector.count
    } else {
      item.fault = try readVector(&scanner)
    }
    if item.fault == nil { item.fault = faultOfValues() }
  }

  /// Reads a vector into its place, and returns why it can't be used.
  private mutating func readVector(_ scanner: inout JSONScanner) throws -> String? {
    switch scanner.peek() {
    case UInt8(ascii: "["): return try readNumbers(&scanner)
    case UInt8(ascii: "\""): return try readBase64(&scanner)
    default: return try skipNoVector(&scanner)
    }
  }

  /// Steps over what is no vector, and returns what it is.
  private func skipNoVector(_ scanner: inout JSONScanner) throws -> String {
    let isNull = scanner.peek() == UInt8(ascii: "n")
    try scanner.skip()
    return isNull ? "its vector is null" : "its vector is neither a list of numbers nor base64"
  }

  /// Reads all of a vector of whatever length, and returns why it can't be used.
  private func read(_ scanner: inout JSONScanner, whole vector: inout [Float]) throws -> String? {
    switch scanner.peek() {
    case UInt8(ascii: "["):
      var areNumbers = true
      try scanner.array { scanner in
        let value = try scanner.looseNumber()
        areNumbers = areNumbers && value != nil
        vector.append(Float(value ?? 0))
      }
      return areNumbers ? nil : Self.noNumber
    case UInt8(ascii: "\""):
      return try scanner.withString { text in
        guard let floats = Base64.withoutBlanks(text, Base64.floats), !floats.isEmpty else { return Self.notFloats }
        vector = floats
        return nil
      }
    default: return try skipNoVector(&scanner)
    }
  }

  /// Puts a vector's first values in its place, at unit length where it has more of them; returns why it can't be used.
  private mutating func takeBeginning(of vector: [Float]) -> String? {
    guard vector.count >= dimensions else { return faultOf(length: vector.count) }
    guard vector.allSatisfy(\.isFinite) else { return Self.notFinite }
    guard let beginning = vector.count > dimensions ? Vectors.beginning(of: vector, count: dimensions) : vector else {
      return "the first \(dimensions) values of its vector are all zeros"
    }
    let start = objects.count * dimensions
    values.replaceSubrange(start..<start + dimensions, with: beginning)
    return nil
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
    return areNumbers ? faultOf(length: length) : Self.noNumber
  }

  private mutating func readBase64(_ scanner: inout JSONScanner) throws -> String? {
    let start = 4 * objects.count * dimensions
    return try scanner.withString { text in
      Base64.withoutBlanks(text) { text in
        let byteCount = Base64.byteCount(of: text)
        guard byteCount.isMultiple(of: 4) else { return Self.notFloats }
        if let fault = faultOf(length: byteCount / 4) { return fault }
        // The bytes are little-endian, as every platform that vecfill is built for.
        let isDecoded = values.withUnsafeMutableBytes { block in
          block.baseAddress.map { Base64.decode(text, to: $0 + start) } ?? false
        }
        return isDecoded ? nil : Self.notFloats
      }
    }
  }

  private static let noNumber = "its vector has a value that is no number, such as null"
  private static let notFloats = "its vector is not base64 of float32 values"
  private static let notFinite = "its vector has a value that is not finite"

  private func faultOf(length: Int) -> String? {
    length == dimensions ? nil : "its vector has \(length) dimensions where \(dimensions) are needed"
  }

  /// A vector of zeros has no direction: pgvector leaves it out of a cosine index, so that nobody would ever find it. To
  /// pgvector so has one whose length, squared, float32 can't hold.
  private func faultOfValues() -> String? {
    let start = objects.count * dimensions
    return values.withUnsafeBufferPointer { values in
      let vector = UnsafeBufferPointer(rebasing: values[start..<start + dimensions])
      let most = vector.greatestMagnitude
      if most >= Float.infiniteMagnitude { return Self.notFinite }
      if most == 0 { return "its vector is all zeros" }
      return vector.hasUsualLength ? nil : "its vector's length is too great or too small for float32 distances"
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
