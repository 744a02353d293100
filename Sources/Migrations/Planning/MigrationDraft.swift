import Backfill
import Foundation

/// A migration that is yet to be written to files.
package struct MigrationDraft: Equatable, Sendable {
  package let name: String
  package let dialect: Dialect?
  package let up: String
  package let down: String

  package init(name: String, dialect: Dialect?, up: String, down: String) {
    self.name = name
    self.dialect = dialect
    self.up = up
    self.down = down
  }

  /// An empty migration called by `words`, to be filled in by hand.
  package init(words: String) throws(Failure) {
    let name = Self.fileName(words)
    guard name.contains(where: \.isLetter) else {
      throw Failure(.usage, "name", "it holds no word", remedy: "say what the migration does, e.g. \"add language\"")
    }
    self.init(
      name: name, dialect: nil, up: "-- \(words)\n", down: "-- The way back from: \(words)\n")
  }

  /// Words as a file's name takes them.
  static func fileName(_ words: String) -> String {
    words.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "_")
  }

  /// Writes both files into `folder` under `version`, never over a file that is there, and returns their paths.
  package func write(version: Int, to folder: String) throws(Failure) -> [String] {
    let stem = "\(folder)/\(Migration.digits(version))_\(name)\(dialect.map { ".\($0.rawValue)" } ?? "")"
    let files = [("\(stem).up.sql", up), ("\(stem).down.sql", down)]
    for (path, text) in files {
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: path), options: .withoutOverwriting)
      } catch {
        throw Failure(.localIO, path, "it can't be written", remedy: "name another folder with --migrations")
      }
    }
    return files.map(\.0)
  }
}
