import Backfill
import CLinux
import Foundation

/// A ledger's place as it can be seen without changing anything: no file and no folder is made.
package struct LedgerPlace: Equatable, Sendable {
  /// Whether a ledger is there.
  package let exists: Bool
  /// What a run could not write: the file, or where there is none, the nearest folder above that exists; nil where it
  /// could.
  package let obstacle: String?
  /// The network file system that it is on, on which a ledger can't live; nil for a local one.
  package let networkFileSystem: String?
  /// Bytes that the disk still has for this user; nil where it doesn't tell.
  package let freeBytes: Int?

  package init(of path: String) {
    let files = FileManager.default
    let exists = files.fileExists(atPath: path)
    var folder = (path as NSString).deletingLastPathComponent
    while !folder.isEmpty, folder != "/", !files.fileExists(atPath: folder) {
      folder = (folder as NSString).deletingLastPathComponent
    }
    if folder.isEmpty { folder = "." }
    // SQLite keeps its journal beside the file.
    let written = exists ? [path, folder] : [folder]
    self.exists = exists
    obstacle = written.first { access($0, W_OK) != 0 || Self.isFile($0) != (exists && $0 == path) }
    var system = statfs()
    guard statfs(exists ? path : folder, &system) == 0 else {
      (networkFileSystem, freeBytes) = (nil, nil)
      return
    }
    networkFileSystem = LedgerFile.networkFileSystem(magic: Int(system.f_type))
    freeBytes = Int(clamping: UInt64(system.f_bavail) &* UInt64(max(0, system.f_bsize)))
  }

  package init(
    exists: Bool, obstacle: String? = nil, networkFileSystem: String? = nil, freeBytes: Int? = nil
  ) {
    (self.exists, self.obstacle) = (exists, obstacle)
    (self.networkFileSystem, self.freeBytes) = (networkFileSystem, freeBytes)
  }

  private static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }
}

extension Ledger {
  /// The most bytes that the replies to `requests` under way take, with what SQLite needs meanwhile.
  package static func bytesForReplies(requests: Int, inputs: Int, dimensions: Int) -> Int {
    2 * requests * bytes(inputs: inputs, rows: inputs, dimensions: dimensions)
  }

  /// Throws a `Failure` where the file at `path` holds anything but a ledger, or a damaged one.
  package static func refuseForeignFile(at path: String) throws(Failure) {
    try LedgerFile(path: path).refuseForeignFile()
  }
}
