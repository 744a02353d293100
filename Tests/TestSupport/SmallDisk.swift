import Foundation

/// A file system of a few MB of a test's own, in memory. Only root may have one.
package final class SmallDisk: Sendable {
  package let path: String

  /// Whether one can be had here.
  package static let isPossible = (try? SmallDisk(in: TemporaryFolder(), megabytes: 1)) != nil

  package init(in folder: TemporaryFolder, megabytes: Int) throws {
    let path = folder.file("small-disk")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else { throw CocoaError(.fileWriteUnknown) }
    self.path = path
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }

  /// Takes all the space that is left; returns how many bytes that were.
  package func fill() throws -> Int {
    let descriptor = open(path + "/filler", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
    defer { close(descriptor) }
    let zeros = [UInt8](repeating: 0, count: 4_096)
    var sum = 0
    while true {
      let count = write(descriptor, zeros, zeros.count)
      guard count > 0 else { break }
      sum += count
    }
    guard errno == ENOSPC else { throw CocoaError(.fileWriteUnknown) }
    return sum
  }

  /// Gives the space back that `fill` took.
  package func empty() throws { try FileManager.default.removeItem(atPath: path + "/filler") }
}
