import Backfill
import CZlib
import Foundation

/// The lines of a file, plain or compressed by gzip, in bounded memory.
///
/// Its calls block. It is used by one task at a time.
package final class LineFile {
  /// A line, and what is wrong with it.
  package struct Line {
    /// From 1.
    package let number: Int
    /// Without the line break; empty where it is too long.
    package let bytes: [UInt8]
    package let isTooLong: Bool
    /// Whether the file ends within it.
    package let isCutOff: Bool
  }

  /// The most bytes of a line: 64 MiB. Two thousand vectors of 3,072 values in base64 have half as many.
  package static let mostLineBytes = 64 << 20

  package let path: String
  private let file: gzFile
  private let mostBytes: Int
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)
  private var unread = 0..<0
  private var number = 0
  private var isAtEnd = false
  /// Whether the file, as gzip wrote it, lacks its end or is damaged.
  private var isDamaged = false

  package init(_ path: String, mostLineBytes: Int = LineFile.mostLineBytes) throws(Failure) {
    errno = 0
    guard let file = gzopen(path, "rb") else {
      throw Failure(
        .localIO, path, "it can't be read: \(String(cString: strerror(errno)))",
        remedy: "check that it is there and its rights")
    }
    gzbuffer(file, 256 << 10)
    self.path = path
    self.file = file
    mostBytes = mostLineBytes
  }

  deinit { gzclose_r(file) }

  /// The next line; nil at the end. A damaged file ends with a line that is cut off.
  package func next() throws(Failure) -> Line? {
    var bytes: [UInt8] = []
    var (isTooLong, hasAny) = (false, false)
    while true {
      if unread.isEmpty, try !fill() {
        guard hasAny || isDamaged else { return nil }
        isDamaged = false
        number += 1
        return Line(number: number, bytes: bytes, isTooLong: isTooLong, isCutOff: true)
      }
      hasAny = true
      let end = buffer[unread].firstIndex(of: 0x0A)
      let part = unread.lowerBound..<(end ?? unread.upperBound)
      unread = (end.map { $0 + 1 } ?? unread.upperBound)..<unread.upperBound
      if isTooLong || bytes.count + part.count > mostBytes {
        (isTooLong, bytes) = (true, [])
      } else {
        bytes += buffer[part]
      }
      guard end != nil else { continue }
      number += 1
      return Line(number: number, bytes: bytes, isTooLong: isTooLong, isCutOff: false)
    }
  }

  private func fill() throws(Failure) -> Bool {
    guard !isAtEnd else { return false }
    errno = 0
    let count = buffer.withUnsafeMutableBytes { gzread(file, $0.baseAddress, UInt32($0.count)) }
    if count > 0 {
      unread = 0..<Int(count)
      return true
    }
    isAtEnd = true
    var code: Int32 = 0
    _ = gzerror(file, &code)
    guard code != Z_ERRNO else {
      throw Failure(
        .localIO, path, "it can't be read: \(String(cString: strerror(errno)))", remedy: "check the disk, and run again"
      )
    }
    isDamaged = code != Z_OK && code != Z_STREAM_END
    return false
  }
}
