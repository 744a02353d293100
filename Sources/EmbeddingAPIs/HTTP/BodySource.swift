import Foundation

/// Gives a request's body piece by piece, once; of a file no more than a piece is in memory.
///
/// It can't be rewound, and that is on purpose (see `Transfer`).
final class BodySource {
  /// Of the whole body, as it was when the file was opened.
  let byteCount: Int
  private let head: Data
  private let tail: Data
  private let fileCount: Int
  /// -1 for none.
  private let file: Int32
  private var given = 0

  /// Nil where the request's file can't be opened.
  init?(of request: HTTPRequest) {
    guard let form = request.form else {
      (head, tail, fileCount, file) = (request.body ?? Data(), Data(), 0, -1)
      byteCount = head.count
      return
    }
    let opened = open(form.path, O_RDONLY | O_CLOEXEC)
    var about = stat()
    guard opened >= 0 else { return nil }
    guard fstat(opened, &about) == 0 else {
      close(opened)
      return nil
    }
    (head, tail, fileCount, file) = (form.head, form.tail, Int(about.st_size), opened)
    byteCount = head.count + fileCount + tail.count
  }

  deinit { if file >= 0 { close(file) } }

  var isGiven: Bool { given == byteCount }

  /// Writes the next bytes, as many as there is room for at most; returns their number, 0 behind the end, and nil where the
  /// file can't be read or has become shorter.
  func give(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    let count: Int
    if given < head.count {
      count = copy(head, from: given, into: buffer)
    } else if given < head.count + fileCount {
      let wanted = min(buffer.count, head.count + fileCount - given)
      let got = read(file, buffer.baseAddress, wanted)
      guard got > 0 else { return nil }
      count = got
    } else {
      count = copy(tail, from: given - head.count - fileCount, into: buffer)
    }
    given += count
    return count
  }

  private func copy(_ data: Data, from offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, data.count - offset)
    let start = data.startIndex + offset
    data.copyBytes(to: buffer, from: start..<start + count)
    return count
  }
}
