import Foundation

/// Divides the bytes of a reply, as they come, into the objects of its list `data` and what is around them.
///
/// So a reply is never held as a whole: one of 2,048 vectors has up to 200 MB where its numbers stand on lines of their
/// own.
struct ReplySplitter {
  /// More bytes came than a part of any reply has.
  struct TooLong: Error {}

  /// The document so far with `{}` in place of each object of its list, and of white space one byte at most.
  private(set) var frame: [UInt8] = []
  private var item: [UInt8] = []
  private let mostItemBytes: Int
  private var depth = 0
  private var isInString = false
  private var stringStart = 0
  private var isInList = false
  private var isInItem = false

  static let mostFrameBytes = 1 << 20

  init(mostItemBytes: Int) {
    self.mostItemBytes = mostItemBytes
  }

  /// Takes the next bytes, and hands each object of the list to `body` once it is whole.
  ///
  /// Throws what `body` throws, `TooLong`, and `JSONScanner.Malformed` for what is no object from its start.
  mutating func take(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    var position = 0
    while position < bytes.count {
      if isInString {
        position = try takeString(bytes, from: position)
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
  private mutating func takeString(_ bytes: UnsafeRawBufferPointer, from start: Int) throws -> Int {
    guard let base = bytes.baseAddress, let quote = memchr(base + start, 0x22, bytes.count - start) else {
      try append(.init(rebasing: bytes[start...]))
      return bytes.count
    }
    let end = UnsafeRawPointer(quote) - base + 1
    try append(.init(rebasing: bytes[start..<end]))
    isInString = isInItem ? isEscaped(item) : isEscaped(frame)
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
      try append(byte)
      isInString = true
      stringStart = isInItem ? item.count : frame.count
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      if depth == 0, byte == UInt8(ascii: "[") || !frame.allSatisfy({ $0 == 0x20 }) { throw JSONScanner.Malformed() }
      if depth == 1, byte == UInt8(ascii: "["), isBehindListKey { isInList = true }
      if depth == 2, isInList, byte == UInt8(ascii: "{") { isInItem = true }
      depth += 1
      try append(byte)
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
      guard depth >= 0 else { throw JSONScanner.Malformed() }
      try append(byte)
      if isInItem, depth == 2 {
        try item.withUnsafeBytes(body)
        item.removeAll(keepingCapacity: true)
        isInItem = false
        frame += Array("{}".utf8)
      }
      if depth == 1 { isInList = false }
    default:
      if isInItem || frame.last != 0x20 { try append(isInItem ? byte : 0x20) }
    }
  }

  /// Whether what comes is the value of the document's own `data`.
  private var isBehindListKey: Bool {
    let tail = frame.suffix(12).filter { $0 != 0x20 }.suffix(8)
    return ["{", ","].contains { tail.elementsEqual("\($0)\"data\":".utf8) }
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
