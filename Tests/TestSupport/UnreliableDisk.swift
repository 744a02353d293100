import Foundation

/// A disk below a process's folder that fails, or loses what was not synced when the power goes: scripts/crash.d/disk.c.
package final class UnreliableDisk: Sendable {
  package enum Mode: String, CaseIterable, Sendable {
    /// A write or a sync fails, and so does every later one.
    case error
    /// From some write on the disk is full.
    case full
    /// The power goes, and nothing that was not synced is left.
    case lost
    /// The power goes, and of what was not synced some is left, some of that in part.
    case torn
    /// The power goes, and no sync had reached the disk: what no program can survive.
    case liar
  }

  private let library: PreloadedLibrary

  package init() throws {
    library = try PreloadedLibrary(of: RepositoryFiles.path("scripts/crash.d/disk.c"))
  }

  /// - Parameters:
  ///   - folder: what the disk holds, which need not be there yet; an absolute path.
  ///   - event: the number of the write or sync that fails, from 1; nil where none does.
  package func environment(
    _ mode: Mode, below folder: String, at event: Int? = nil, seed: UInt64 = 0
  ) -> [String: String] {
    library.environment.merging([
      "VECFILL_TEST_DISK": folder, "VECFILL_TEST_DISK_MODE": mode.rawValue, "VECFILL_TEST_DISK_AT": "\(event ?? 0)",
      "VECFILL_TEST_DISK_SEED": "\(seed)",
    ]) { own, _ in own }
  }

  /// The writes and syncs below `folder` of the last process that ended by itself.
  package func events(below folder: String) throws -> Int {
    let text = try String(contentsOfFile: folder + ".events", encoding: .utf8)
    guard let count = Int(text) else { throw POSIXError(.EILSEQ) }
    return count
  }

  /// The exit code of a process whose power went.
  package static let powerCut: Int32 = 137
}
