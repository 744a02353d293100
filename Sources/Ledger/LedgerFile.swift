import Backfill
import CLinux
import Foundation
import GRDB

/// The file that a ledger lives in: readable by its owner alone, and on a file system with working locks.
struct LedgerFile {
  let path: String

  /// Where it is.
  var folder: String {
    let folder = (path as NSString).deletingLastPathComponent
    return folder.isEmpty ? "." : folder
  }

  /// Makes the folder (0700) and the file (0600) where they are missing. A file that is there is looked at before
  /// anything of it is changed: it may be somebody else's.
  func prepare() throws(Failure) {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw failure("its folder can't be made", errno: nil)
    }
    try refuseForeignFile()
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("it can't be opened", errno: errno) }
    close(descriptor)
    guard chmod(path, 0o600) == 0 else { throw failure("its mode can't be set to 0600", errno: errno) }
    try refuseNetworkFileSystem()
  }

  /// Waits until no other process changes the schema of a ledger in this folder, and keeps others from it until the returned
  /// descriptor is closed.
  func takeTurn() throws(Failure) -> Int32 {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("its folder can't be opened", errno: errno) }
    guard vecfill_wait_for_lock(descriptor) == 0 else {
      let code = errno
      close(descriptor)
      throw failure("its folder can't be locked", errno: code)
    }
    return descriptor
  }

  /// Throws a `Failure` where the file holds anything but a ledger.
  func refuseForeignFile() throws(Failure) {
    try refuseDevice()
    guard let file = FileHandle(forReadingAtPath: path) else { return }
    let start = (try? file.read(upToCount: LedgerFile.header.count)) ?? Data()
    try? file.close()
    guard !start.isEmpty else { return }
    // Where the power went while the ledger was made, half of its first page may be there. SQLite takes that back by the
    // journal beside it.
    guard start == LedgerFile.header || FileManager.default.fileExists(atPath: path + "-journal") else {
      throw foreign(.localIO, LedgerFile.noDatabase)
    }
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(10)
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA query_only = 1") }
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      let tables = try queue.read { db in
        try Set(String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'"))
      }
      try queue.close()
      // A process that was killed while it made the file may have left the list of its migrations alone.
      let isBegun = tables.isSubset(of: ["grdb_migrations"])
      guard isBegun || tables.isSuperset(of: ["grdb_migrations", "target", "batch", "spool"]) else {
        throw foreign(.configuration, "it is a database of something else")
      }
    } catch let failure as Failure {
      throw failure
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      guard start == LedgerFile.header else { throw foreign(.localIO, LedgerFile.noDatabase) }
      throw Failure(
        .localIO, path, "the ledger is damaged: \(error.resultCode)",
        remedy: "move it away and run again; what it had received and not yet written is paid again")
    } catch {
      throw failure("it can't be read", errno: nil)
    }
  }

  private static let noDatabase = "it is no SQLite database"

  /// What every SQLite file begins with.
  private static let header = Data("SQLite format 3\u{0}".utf8)

  /// Throws a `Failure` where a device or a pipe is at the path. A read of a pipe may never end, and nobody else could use a
  /// device with a ledger's mode.
  private func refuseDevice() throws(Failure) {
    switch FileKind(at: path) {
    case .stream: throw foreign(.configuration, "it is a device, a pipe or a socket")
    case .folder: throw Failure(.localIO, path, "it is a folder", remedy: "name a file in it with --ledger")
    case .missing, .file: break
    }
  }

  private func foreign(_ exitCode: ExitCode, _ reason: String) -> Failure {
    Failure(exitCode, path, "\(reason), and no ledger", remedy: "give another path with --ledger, or move it away")
  }

  private func refuseNetworkFileSystem() throws(Failure) {
    var system = statfs()
    guard statfs(path, &system) == 0 else { throw failure("its file system can't be read", errno: errno) }
    if let name = LedgerFile.networkFileSystem(magic: Int(system.f_type)) {
      throw Failure(
        .configuration, path, "a ledger can't live on \(name), whose locks and syncs can't be relied on",
        remedy: "give a path on a local disk with --ledger")
    }
  }

  /// The name of a network file system by its magic number, of linux/magic.h.
  static func networkFileSystem(magic: Int) -> String? {
    switch UInt32(truncatingIfNeeded: magic) {
    case 0x6969: "NFS"
    case 0xFF53_4D42, 0xFE53_4D42, 0x517B: "SMB"
    default: nil
    }
  }

  func failure(_ reason: String, errno code: Int32?) -> Failure {
    let told = code.map { "\(reason): \(String(cString: strerror($0)))" } ?? reason
    return Failure(
      .localIO, path, told, remedy: "check the path, its rights and the disk's free space, or give --ledger")
  }
}
