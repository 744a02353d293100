import Backfill
import Foundation

/// Answers each line of standard input, which is a JSON string, with a line on standard output.
struct TextLines {
  private var output: [UInt8] = []
  private var lineNumber = 0

  /// Gives every text to `answer`, which appends its line without the newline.
  ///
  /// Throws `.badData` at the first line that is no JSON string; the lines before it are answered.
  static func answerEach(_ answer: (String, inout [UInt8]) -> Void) throws {
    var lines = TextLines()
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    var unfinished: [UInt8] = []
    do {
      while let count = try lines.read(&chunk) {
        try chunk[..<count].withUnsafeBufferPointer { chunk in
          var start = 0
          while let newline = firstNewline(in: chunk, from: start) {
            let rest = UnsafeBufferPointer(rebasing: chunk[start..<newline])
            if unfinished.isEmpty {
              try lines.answer(rest, answer)
            } else {
              unfinished += rest
              try unfinished.withUnsafeBufferPointer { try lines.answer($0, answer) }
              unfinished.removeAll(keepingCapacity: true)
            }
            start = newline + 1
          }
          unfinished += chunk[start...]
        }
        try lines.flush()
      }
      if !unfinished.isEmpty { try unfinished.withUnsafeBufferPointer { try lines.answer($0, answer) } }
    } catch let failure as Failure where failure.exitCode == .badData {
      try lines.flush()
      throw failure
    }
    try lines.flush()
  }

  private static func firstNewline(in chunk: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    guard start < chunk.count, let base = chunk.baseAddress, let found = memchr(base + start, 0x0A, chunk.count - start)
    else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }

  private mutating func answer(
    _ line: UnsafeBufferPointer<UInt8>, _ answer: (String, inout [UInt8]) -> Void
  ) throws(Failure) {
    lineNumber += 1
    guard let text = JSONText.decode(line) else {
      throw Failure(
        .badData, "standard input, line \(lineNumber)", "is not a JSON string", remedy: "give one JSON string a line")
    }
    answer(text, &output)
    output.append(UInt8(ascii: "\n"))
    if output.count >= 1 << 20 { try flush() }
  }

  /// The number of bytes read into `chunk`, or nil at the end.
  private func read(_ chunk: inout [UInt8]) throws(Failure) -> Int? {
    while true {
      let count = Foundation.read(STDIN_FILENO, &chunk, chunk.count)
      if count >= 0 { return count == 0 ? nil : count }
      guard errno == EINTR else { throw Failure(.localIO, "standard input", String(cString: strerror(errno))) }
    }
  }

  private mutating func flush() throws(Failure) {
    var written = 0
    while written < output.count {
      let count = output[written...].withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw Failure(.localIO, "standard output", String(cString: strerror(errno)))
      }
    }
    output.removeAll(keepingCapacity: true)
  }
}
