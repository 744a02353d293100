import Foundation

/// The locks that the kernel shows on a file: how a test sees that SQLite is at work on it, or waits.
struct FileLocks {
  private let inode: String

  init(of path: String) throws {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    inode = "\(attributes[.systemFileNumber] ?? "")"
  }

  /// SQLite's PENDING byte: a COMMIT that waits for readers to end holds it.
  static let pending = 0x4000_0000
  /// The first of the bytes that a reader shares.
  static let shared = pending + 2

  /// Waits until a lock of `kind`, READ or WRITE, on `byte` is there, or is gone.
  func wait(for kind: String, on byte: Int, isThere: Bool = true) async throws {
    while try holds(kind, byte) != isThere {
      try Task.checkCancellation()
      try await Task.sleep(for: .milliseconds(2))
    }
  }

  private func holds(_ kind: String, _ byte: Int) throws -> Bool {
    // e.g. "1: POSIX  ADVISORY  WRITE 25372 fe:00:16220191 1073741824 1073742335".
    try String(contentsOfFile: "/proc/locks", encoding: .utf8).split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      guard fields.count >= 8, fields[3] == kind, fields[5].hasSuffix(":\(inode)"), let first = Int(fields[6]) else {
        return false
      }
      return first...(Int(fields[7]) ?? .max) ~= byte
    }
  }
}
