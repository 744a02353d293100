import Backfill
import CLinux
import CZlib
import Foundation

/// A file that is there whole or not at all: it is written under another name, brought to the disk, and renamed.
///
/// Its calls block. It is used by one task at a time.
package final class PartFile {
  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private var file: gzFile?
  /// The bytes that were added, before compression.
  package private(set) var byteCount = 0

  /// Begins the file `path`, in place of one that a killed process left half written.
  package init(_ path: String, compresses: Bool) throws(Failure) {
    self.path = path
    temporary = path + ".part"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw PartFile.failure(path, errno) }
    // zlib closes its own; this one stays to bring the file to the disk.
    let own = dup(descriptor)
    guard own >= 0, let file = gzdopen(own, compresses ? "wb6" : "wbT") else {
      let code = errno
      close(descriptor)
      throw PartFile.failure(path, code)
    }
    gzbuffer(file, 256 << 10)
    self.descriptor = descriptor
    self.file = file
  }

  deinit {
    if let file { gzclose_w(file) }
    close(descriptor)
  }

  package func add(_ bytes: [UInt8]) throws(Failure) {
    guard let file, !bytes.isEmpty else { return }
    errno = 0
    let written = bytes.withUnsafeBytes { gzwrite(file, $0.baseAddress, UInt32($0.count)) }
    guard Int(written) == bytes.count else { throw PartFile.failure(path, errno) }
    byteCount += bytes.count
  }

  /// Makes it durable under its name.
  package func finish() throws(Failure) {
    guard let file else { return }
    self.file = nil
    errno = 0
    guard gzclose_w(file) == Z_OK, fsync(descriptor) == 0, rename(temporary, path) == 0 else {
      throw PartFile.failure(path, errno)
    }
    try PartFile.sync(folderOf: path)
  }

  /// Gives the file up; nothing of it stays.
  package func drop() {
    unlink(temporary)
  }

  /// Writes a small file in the same way.
  package static func write(_ data: Data, to path: String) throws(Failure) {
    let file = try PartFile(path, compresses: false)
    try file.add(Array(data))
    try file.finish()
  }

  private static func sync(folderOf path: String) throws(Failure) {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(folder, errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(folder, errno) }
  }

  private static func failure(_ path: String, _ code: Int32) -> Failure {
    let reason = code == 0 ? "zlib refused it" : String(cString: strerror(code))
    return Failure(
      .localIO, path, "it can't be written: \(reason)",
      remedy: code == ENOSPC || code == EDQUOT
        ? "make room, and run the same command again to go on"
        : "check the folder, and run the same command again to go on")
  }
}
