import Backfill
import CLinux
import Foundation

/// The file that a ledger lives in: readable by its owner alone, and on a file system with working locks.
struct LedgerFile {
  let path: String

  /// Makes the folder (0700) and the file (0600) where they are missing.
  func prepare() throws(Failure) {
    let folder = (path as NSString).deletingLastPathComponent
    do {
      try FileManager.default.createDirectory(
        atPath: folder.isEmpty ? "." : folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw failure("its folder can't be made", errno: nil)
    }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("it can't be opened", errno: errno) }
    close(descriptor)
    guard chmod(path, 0o600) == 0 else { throw failure("its mode can't be set to 0600", errno: errno) }
    try refuseNetworkFileSystem()
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
