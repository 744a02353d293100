import Backfill
import CLinux
import Foundation

/// A lock on filling one column, among the processes of this user on this machine, freed by the kernel when its holder
/// dies.
package final class RunLock: Sendable {
  private let descriptor: Int32

  /// Who holds a lock, as its file says.
  package struct Holder: Codable, Equatable, Sendable {
    package let pid: Int32
    package let host: String
    package let since: Date

    package init(pid: Int32, host: String, since: Date) {
      self.pid = pid
      self.host = host
      self.since = since
    }
  }

  /// Takes the lock on filling a column, which messages call `name`.
  ///
  /// Throws a `Failure` with `.locked` that names the holder, or with `.localIO`.
  package init(on column: ColumnIdentity, _ name: String, in folder: String, holder: Holder) throws(Failure) {
    let path = RunLock.path("\(column)", folder)
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw Failure(
        .localIO, folder, "the folder of locks can't be made", remedy: "check its rights, or set XDG_STATE_HOME")
    }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw Failure(
        .localIO, path, "the lock can't be opened: \(String(cString: strerror(errno)))", remedy: "check its rights")
    }
    guard vecfill_lock_whole_file(descriptor) == 0 else {
      let by = RunLock.read(path).map { "process \($0.pid) on \($0.host) since \($0.since.formatted(.iso8601))" }
      close(descriptor)
      throw Failure(
        .locked, name, "it is being filled by \(by ?? "another process")",
        remedy: "wait until that process ends, or end it: then the lock is free")
    }
    let told = (try? JSONEncoder().encode(holder)) ?? Data()
    let written = told.withUnsafeBytes { bytes in
      ftruncate(descriptor, 0) == 0 && pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count
    }
    guard written else {
      close(descriptor)
      throw Failure(.localIO, path, "the lock can't be written", remedy: "check the disk's free space")
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Who fills a column now, by the lock and not by what its file still says; nil where nobody does.
  ///
  /// - Parameter column: a `ColumnIdentity`'s description.
  package static func holder(of column: String, in folder: String) -> Holder? {
    let path = path(column, folder)
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return vecfill_is_whole_file_locked(descriptor) == 1 ? read(path) : nil
  }

  private static func read(_ path: String) -> Holder? {
    FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(Holder.self, from: $0) }
  }

  /// What a column is called in names of files: 32 hexadecimal digits.
  package static func name(of column: String) -> String {
    Array(TextDigest(of: column).bytes.prefix(16)).hex
  }

  private static func path(_ column: String, _ folder: String) -> String {
    "\(folder)/\(name(of: column)).lock"
  }
}
