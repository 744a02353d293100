import Foundation
import Migrations
import TestSupport

/// A folder of migrations of a test's own.
struct Folder {
  let folder: TemporaryFolder

  init(_ files: [String: String]) throws {
    folder = try TemporaryFolder()
    for (name, text) in files { try write(text, to: name) }
  }

  /// Files of the form `1_a.up.sql`, one an entry, each with a way back.
  init(ups: KeyValuePairs<String, String>) throws {
    try self.init([:])
    for (name, text) in ups {
      try write(text, to: "\(name).up.sql")
      try write("SELECT 1;", to: "\(name).down.sql")
    }
  }

  var path: String { folder.path }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: folder.file(name)))
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: folder.file(name)) }

  func set(_ dialect: Dialect = .postgres) throws -> MigrationSet { try MigrationSet(in: folder.path, for: dialect) }
}
