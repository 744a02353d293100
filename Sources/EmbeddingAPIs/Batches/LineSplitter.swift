import Foundation

/// Divides bytes into lines as they come; of a line that is too long only the beginning is kept.
struct LineSplitter {
  enum Line: Equatable {
    case whole([UInt8])
    case tooLong(beginning: [UInt8])
  }

  /// What is kept of a line that is too long: enough to find its id.
  static let keptBytes = 4_096

  private let mostBytes: Int
  /// What has come of the line so far.
  private(set) var line: [UInt8] = []
  private var isTooLong = false

  /// - Parameter mostBytes: of a line, without its line break.
  init(mostBytes: Int) {
    self.mostBytes = mostBytes
  }

  /// Takes the next bytes; returns the lines that end in them. Empty lines are left out.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> [Line] {
    var lines: [Line] = []
    var start = 0
    while let base = bytes.baseAddress, start < bytes.count {
      guard let found = memchr(base + start, 0x0A, bytes.count - start) else {
        add(.init(rebasing: bytes[start...]))
        break
      }
      let end = UnsafeRawPointer(found) - base
      add(.init(rebasing: bytes[start..<end]))
      if let line = self.end() { lines.append(line) }
      start = end + 1
    }
    return lines
  }

  /// What came behind the last line break; nil where nothing did.
  mutating func end() -> Line? {
    defer {
      line = []
      isTooLong = false
    }
    if line.last == 0x0D { line.removeLast() }
    guard !line.isEmpty else { return nil }
    return isTooLong ? .tooLong(beginning: line) : .whole(line)
  }

  private mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard !isTooLong else { return }
    guard line.count + bytes.count > mostBytes else {
      line.append(contentsOf: bytes)
      return
    }
    isTooLong = true
    line.append(contentsOf: bytes.prefix(max(0, Self.keptBytes - line.count)))
    line = Array(line.prefix(Self.keptBytes))
  }
}
