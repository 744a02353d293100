import Foundation

/// A folder for the files of one input, removed when it is let go of.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "vecfill-fuzz-\(UInt64.random(in: 0...(.max)))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }
}
