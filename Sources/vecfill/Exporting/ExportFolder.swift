import Backfill
import CLinux
import EmbeddingAPIs
import Foundation
import Postgres

/// The folder of an export: its parts, and the manifest that says how far it has come.
///
/// A part is there whole or not at all, so a process that is killed goes on behind the last one.
actor ExportFolder {
  private let executor = DispatchQueueExecutor(label: "vecfill.export")
  private let path: String
  private let partRows: Int
  /// Open as long as the process writes there: nobody else does.
  private let lock: Int32
  private(set) var manifest: ExportManifest
  private var part: PartFile?
  private var partCounts = ExportManifest.Rows()

  /// The most bytes of a part, except its last page.
  private static let mostBytes = 128 << 20

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Opens the folder, or makes it.
  ///
  /// Throws a `Failure` with `.configuration` where it holds anything else than an export like `wanted`, with `.locked`
  /// where another process writes there, and with `.localIO`.
  init(_ path: String, _ wanted: ExportManifest, partRows: Int) throws {
    guard [.missing, .folder].contains(FileKind(at: path)) else {
      throw Failure(
        .configuration, path, "is a file", remedy: "name a folder with --to, a new one or one of this export")
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(
        .localIO, path, "the folder can't be made", remedy: "give another by --to, where this user may write")
    }
    let lock = open("\(path)/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else {
      throw Failure(
        .localIO, path, "it can't be written: \(String(cString: strerror(errno)))", remedy: "check the folder's rights")
    }
    do {
      guard vecfill_lock_whole_file(lock) == 0 else {
        throw Failure(
          .locked, path, "another process exports to it", remedy: "wait for it to end, or give another --to")
      }
      manifest = try ExportFolder.found(path, wanted) ?? wanted
    } catch {
      close(lock)
      throw error
    }
    self.path = path
    self.partRows = partRows
    self.lock = lock
  }

  deinit { close(lock) }

  private static func found(_ path: String, _ wanted: ExportManifest) throws -> ExportManifest? {
    let file = "\(path)/\(ExportManifest.fileName)"
    guard let data = FileManager.default.contents(atPath: file) else {
      let others = try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }
      // A process that was killed at its first part has left it half written.
      guard others.allSatisfy({ $0.hasPrefix(wanted.nextFile) || $0 == ExportManifest.fileName + ".part" }) else {
        throw Failure(
          .configuration, path, "the folder is not empty, and holds no export", remedy: "give another folder by --to")
      }
      return nil
    }
    guard let found = try? JSONDecoder().decode(ExportManifest.self, from: data) else {
      throw Failure(.badData, file, "it can't be read", remedy: "give another folder by --to, or empty this one")
    }
    if let difference = found.difference(from: wanted) {
      throw Failure(
        .configuration, path, "the folder holds another export: \(difference)", remedy: "give another folder by --to")
    }
    return found
  }

  /// Adds the lines of a page; where the part is full with them, it is brought to the disk.
  ///
  /// - Parameter next: where the rows behind the page are; nil for the end of all.
  func add(_ lines: [[UInt8]], _ counts: ExportManifest.Rows, next: ExportManifest.Place?) throws {
    if part == nil, !lines.isEmpty {
      part = try PartFile("\(path)/\(manifest.nextFile)", compresses: manifest.isCompressed)
    }
    for line in lines { try part?.add(line) }
    partCounts = partCounts + counts
    guard next == nil || partCounts.exported >= partRows || part?.byteCount ?? 0 >= Self.mostBytes else { return }
    try part?.finish()
    part = nil
    manifest.add(part: partCounts, next: next)
    partCounts = ExportManifest.Rows()
    try save()
  }

  private func save() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try PartFile.write(encoder.encode(manifest), to: "\(path)/\(ExportManifest.fileName)")
  }
}
