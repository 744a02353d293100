import Foundation

/// Divides the bytes of a reply, as they come, into the items of its list of vectors and what is around them.
///
/// So a reply is never held as a whole: one of 2,048 vectors has up to 200 MB where its numbers stand on lines of their
/// own.
struct ReplySplitter {
  /// More bytes came than a part of any reply has.
  struct TooLong: Error {}

  /// The document so far with `{}` in place of each item of its list, and of white space one byte at most.
  private(set) var frame: [UInt8] = []
  private var item: [UInt8] = []
  private let mostItemBytes: Int
  private var depth = 0
  private var isInString = false
  private var stringStart = 0
  private var isInItem = false
  /// For each step to the list what stands before it.
  private let steps: [[Step]]
  /// How many of the containers that are open lead to the list, the list itself included.
  private var stepsTaken = 0

  /// The key of a step, as it stands in the frame without white space.
  private typealias Step = [UInt8]

  static let mostFrameBytes = 1 << 20

  /// - Parameter path: the names that lead to the list, in each step any of these.
  init(path: [[String]], mostItemBytes: Int) {
    steps = path.map { names in names.flatMap { name in ["{", ","].map { Array("\($0)\"\(name)\":".utf8) } } }
    self.mostItemBytes = mostItemBytes
  }

  /// Takes the next bytes, and hands each item of the list to `body` once it is whole: an object, a list or a string.
  ///
  /// Throws what `body` throws, `TooLong`, and `JSONScanner.Malformed` for what is no such document from its start.
  mutating func take(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    var position = 0
    while position < bytes.count {
      if isInString {
        position = try takeString(bytes, from: position, body)
        continue
      }
      let start = position
      (isInItem ? Self.isDelimiterOfItem : Self.isDelimiter).withUnsafeBufferPointer { isDelimiter in
        while position < bytes.count, !isDelimiter[Int(bytes[position])] { position += 1 }
      }
      if position > start {
        guard depth > 0 else { throw JSONScanner.Malformed() }
        try append(.init(rebasing: bytes[start..<position]))
      }
      guard position < bytes.count else { break }
      if !isInItem, frame.last == 0x20 {
        let run = position
        Self.isWhiteSpace.withUnsafeBufferPointer { isWhiteSpace in
          while position < bytes.count, isWhiteSpace[Int(bytes[position])] { position += 1 }
        }
        if position > run { continue }
      }
      try takeDelimiter(bytes[position], body)
      position += 1
    }
  }

  /// Takes a string's bytes up to its end; returns the position behind them.
  private mutating func takeString(
    _ bytes: UnsafeRawBufferPointer, from start: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Int {
    guard let base = bytes.baseAddress, let quote = memchr(base + start, 0x22, bytes.count - start) else {
      try append(.init(rebasing: bytes[start...]))
      return bytes.count
    }
    let end = UnsafeRawPointer(quote) - base + 1
    try append(.init(rebasing: bytes[start..<end]))
    isInString = isInItem ? isEscaped(item) : isEscaped(frame)
    if !isInString { try endItem(body) }
    return end
  }

  /// Whether the quote at the end of `text` belongs to the string, by the number of backslashes before it.
  private func isEscaped(_ text: [UInt8]) -> Bool {
    !text[stringStart...].dropLast().reversed().prefix { $0 == UInt8(ascii: "\\") }.count.isMultiple(of: 2)
  }

  private mutating func takeDelimiter(_ byte: UInt8, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    switch byte {
    case UInt8(ascii: "\""):
      guard depth > 0 else { throw JSONScanner.Malformed() }
      if isAtItem { isInItem = true }
      try append(byte)
      isInString = true
      stringStart = isInItem ? item.count : frame.count
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      if isAtItem { isInItem = true }
      let leadsToList = !isInItem && stepsTaken == depth && depth <= steps.count && isBehindStep
      let isRight = byte == (depth == steps.count ? UInt8(ascii: "[") : UInt8(ascii: "{"))
      if depth == 0, !leadsToList || !isRight { throw JSONScanner.Malformed() }
      if leadsToList, isRight { stepsTaken += 1 }
      depth += 1
      try append(byte)
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
      guard depth >= 0 else { throw JSONScanner.Malformed() }
      try append(byte)
      try endItem(body)
      stepsTaken = min(stepsTaken, depth)
    default:
      if isInItem || frame.last != 0x20 { try append(isInItem ? byte : 0x20) }
    }
  }

  /// Whether what comes is an item of the list.
  private var isAtItem: Bool { !isInItem && isDirectlyInList }

  private var isDirectlyInList: Bool { stepsTaken == steps.count + 1 && depth == stepsTaken }

  /// Hands over the item where it is whole.
  private mutating func endItem(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard isInItem, isDirectlyInList else { return }
    try item.withUnsafeBytes(body)
    item.removeAll(keepingCapacity: true)
    isInItem = false
    frame += Array("{}".utf8)
  }

  /// Whether what comes is the value of the next step to the list.
  private var isBehindStep: Bool {
    guard depth > 0 else { return frame.allSatisfy { $0 == 0x20 } }
    return steps[depth - 1].contains { step in
      // A white space between any two parts of a key, each of one byte.
      frame.suffix(step.count + 4).filter { $0 != 0x20 }.suffix(step.count).elementsEqual(step)
    }
  }

  private mutating func append(_ byte: UInt8) throws {
    try withUnsafeBytes(of: byte) { try append($0) }
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    if isInItem {
      guard item.count + bytes.count <= mostItemBytes else { throw TooLong() }
      item.append(contentsOf: bytes)
    } else {
      guard frame.count + bytes.count <= Self.mostFrameBytes else { throw TooLong() }
      frame.append(contentsOf: bytes)
    }
  }

  private static let isWhiteSpace = (0..<256).map { " \n\r\t".utf8.contains(UInt8($0)) }
  private static let isDelimiterOfItem = (0..<256).map { "\"{}[]".utf8.contains(UInt8($0)) }
  private static let isDelimiter = (0..<256).map { "\"{}[] \n\r\t".utf8.contains(UInt8($0)) }
}
