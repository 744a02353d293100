import Backfill
import Foundation
import PgVector

/// A migration that is yet to be written to files.
package struct MigrationDraft: Equatable, Sendable {
  private let name: String
  private let up: String
  private let down: String

  /// An empty migration called by `words`, to be filled in by hand.
  package init(words: String) throws(Failure) {
    let name = IndexName.plain(words)
    guard name.contains(where: \.isLetter) else {
      throw Failure(.usage, "name", "it holds no word", remedy: "say what the migration does, e.g. \"add language\"")
    }
    self.name = name
    up = "-- \(words)\n"
    down = "-- The way back from: \(words)\n"
  }

  /// Writes both files into `folder` under `version`, never over a file that is there, and returns their paths.
  package func write(version: Int, to folder: String) throws(Failure) -> [String] {
    let stem = "\(folder)/\(Migration.digits(version))_\(name)"
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
