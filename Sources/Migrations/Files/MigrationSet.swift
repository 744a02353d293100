import Backfill
import Foundation

/// The migrations of a folder that are written for one dialect, in the order of their versions.
///
/// The files are named `NUMBER_words[.DIALECT].up.sql` and `.down.sql`; one with a dialect is taken before one without.
package struct MigrationSet: Sendable {
  package let folder: String
  package let migrations: [Migration]

  /// Throws a `Failure` with `.configuration` that names the file for anything that would otherwise be passed over.
  package init(in folder: String, for dialect: Dialect) throws(Failure) {
    self.folder = folder
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      throw Failure(
        .configuration, folder, "the folder of migrations can't be read", remedy: "name another with --migrations")
    }
    var files: [Int: [MigrationFileName]] = [:]
    for name in names where name.hasSuffix(".sql") {
      let file = try MigrationFileName(parsing: name)
      files[file.version, default: []].append(file)
    }
    var migrations: [Migration] = []
    for (version, files) in files.sorted(by: { $0.key < $1.key }) {
      guard let first = files.first else { continue }
      if let other = files.first(where: { $0.name != first.name }) {
        throw Failure(
          .configuration, "\(folder)/\(other.file)", "\(first.file) has the same number", remedy: "renumber one of them"
        )
      }
      func script(_ direction: Direction) throws(Failure) -> MigrationScript? {
        let fitting = files.filter { $0.direction == direction && ($0.dialect ?? dialect) == dialect }
        guard let file = fitting.first(where: { $0.dialect != nil }) ?? fitting.first else { return nil }
        return try MigrationScript(Self.read("\(folder)/\(file.file)"), file: file.file, dialect: dialect)
      }
      let down = try script(.down)
      if let up = try script(.up) {
        migrations.append(Migration(version: version, name: first.name, up: up, down: down))
      } else if let down {
        throw Failure(.configuration, "\(folder)/\(down.file)", "there is no up.sql to it", remedy: "write it")
      }
    }
    self.migrations = migrations
  }

  /// The number of the next migration of this folder, whatever its dialect.
  package static func nextVersion(in folder: String) throws -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let versions = try names.filter { $0.hasSuffix(".sql") }.map { try MigrationFileName(parsing: $0).version }
    return (versions.max() ?? 0) + 1
  }

  package subscript(version: Int) -> Migration? { migrations.first { $0.version == version } }

  private static func read(_ path: String) throws(Failure) -> String {
    do {
      return try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw Failure(.configuration, path, "the file can't be read as UTF-8 text")
    }
  }
}
