import Backfill
import CLinux
import Foundation
import GRDB

/// A lock on filling one column of a SQLite file, freed by the kernel when its holder dies.
///
/// It is on a byte of the file itself, far behind any that SQLite reads, writes or locks, so that it is the same through
/// every name of the file: links, `..`, another folder mounted.
///
/// To be dropped only after the file's last connection is closed: closing a descriptor drops those locks of its process
/// that SQLite has on the file.
package final class SQLiteFillLock: Sendable {
  private let descriptor: Int32

  /// SQLite's files end at 2^48 bytes at the latest.
  private static let firstByte: Int64 = 1 << 56

  /// Throws a `Failure` with `.locked` where another holds it, or with `.localIO`.
  init(on path: String, number: Int64, for source: Source) throws(Failure) {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(
        .localIO, path, "it can't be opened: \(String(cString: strerror(errno)))", remedy: "check the file's rights")
    }
    guard vecfill_lock_byte(descriptor, SQLiteFillLock.firstByte + number) == 0 else {
      let code = errno
      close(descriptor)
      guard [EAGAIN, EACCES].contains(code) else {
        throw Failure(
          .localIO, path, "its file system takes no lock: \(String(cString: strerror(code)))",
          remedy: "put the file on a local disk")
      }
      throw Failure(
        .locked, source.name, "it is being filled by another process",
        remedy: "wait until that process ends, or end it: then the lock is free")
    }
    self.descriptor = descriptor
  }

  /// The lock on the column of `source` in the file at `path`; nil where it has no record, as before its first run.
  ///
  /// Throws as above.
  package convenience init?(on path: String, of source: Source, in database: Database) throws {
    guard let record = try SQLiteColumnRecords(source: source, database: database).find() else { return nil }
    try self.init(on: path, number: record.id, for: source)
  }

  deinit { close(descriptor) }
}
