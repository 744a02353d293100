import Backfill
import Foundation

/// The migrations of a folder that are written for one dialect, or those that a job needs, in the order of their versions.
///
/// The files are named `NUMBER_words[.DIALECT].up.sql` and `.down.sql`; one with a dialect is taken before one without.
package struct MigrationSet: Sendable {
  /// The folder's path, or the job in words.
  package let folder: String
  /// The name under which a database keeps its records, where it has none of this set under another.
  package let label: String
  /// Whether it was made for a job, from what the live tables lack.
  package let isOfJob: Bool
  package let migrations: [Migration]
  /// Those that are no more, with what puts a database right that ran them.
  package let withdrawn: [Migration]

  /// Throws a `Failure` with `.configuration` that names the file for anything that would otherwise be passed over.
  package init(in folder: String, for dialect: Dialect) throws(Failure) {
    self.folder = folder
    label = Self.label(of: folder)
    isOfJob = false
    var migrations: [Migration] = []
    var withdrawn: [Migration] = []
    for (version, files) in try Self.files(in: folder).sorted(by: { $0.key < $1.key }) {
      guard let first = files.first else { continue }
      if let other = files.first(where: { $0.name != first.name }) {
        throw Failure(
          .configuration, "\(folder)/\(other.file)", "\(first.file) has the same number", remedy: "renumber one of them"
        )
      }
      func script(_ part: MigrationFileName.Part) throws(Failure) -> MigrationScript? {
        let fitting = files.filter { $0.part == part && ($0.dialect ?? dialect) == dialect }
        guard let file = fitting.first(where: { $0.dialect != nil }) ?? fitting.first else { return nil }
        return try MigrationScript(Self.read("\(folder)/\(file.file)"), file: file.file, dialect: dialect)
      }
      let down = try script(.down)
      if let up = try script(.up) {
        migrations.append(Migration(version: version, name: first.name, up: up, down: down))
      } else if let down {
        throw Failure(.configuration, "\(folder)/\(down.file)", "there is no up.sql to it", remedy: "write it")
      } else if let script = try script(.withdrawn) {
        withdrawn.append(Migration(withdrawn: version, name: first.name, script))
      }
    }
    self.migrations = migrations
    self.withdrawn = withdrawn
  }

  /// Those that the job called `name` needs, and those that it needs no more.
  package init(job name: String, _ migrations: [Migration], withdrawn: [Migration] = []) {
    folder = "job \(name)"
    label = Self.label(ofJob: name)
    isOfJob = true
    self.migrations = migrations
    self.withdrawn = withdrawn
  }

  /// The number of the next migration of this folder, whatever its dialect.
  package static func nextVersion(in folder: String) throws -> Int {
    try checkIsFolder(folder, mayBeMissing: true)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let versions = try names.filter { $0.hasSuffix(".sql") }.map { try MigrationFileName(parsing: $0).version }
    return (versions.max() ?? 0) + 1
  }

  package subscript(version: Int) -> Migration? { migrations.first { $0.version == version } }

  private static func checkIsFolder(_ path: String, mayBeMissing: Bool) throws(Failure) {
    let kind = FileKind(at: path)
    guard kind == .folder || mayBeMissing && kind == .missing else {
      throw Failure(
        .configuration, path, kind == .missing ? "there is no such folder" : "is a file, not a folder",
        remedy: "name the folder of migrations with --migrations")
    }
  }

  private static func files(in folder: String) throws(Failure) -> [Int: [MigrationFileName]] {
    try checkIsFolder(folder, mayBeMissing: false)
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
    return files
  }

  private static func read(_ path: String) throws(Failure) -> String {
    do {
      return try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw Failure(.configuration, path, "the file can't be read as UTF-8 text")
    }
  }
}
