import Backfill
import Foundation
import Testing

@testable import Configuration

/// A folder of its own for one test, that goes with it.
final class Workspace {
  /// What every spec of these tests begins with: line 1.
  static let sources = "sources: [{table: messages}]\n"

  let path: String
  var environment: [String: String] = [:]
  /// Outside of any folder that holds a `config/`, unless a test sets it.
  var executable: String?

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "vecfill-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  var process: ProcessContext {
    ProcessContext(environment: environment, workingDirectory: path, executable: executable)
  }

  func write(_ text: String, to file: String) throws {
    try write(Data(text.utf8), to: file)
  }

  func write(_ bytes: Data, to file: String) throws {
    let url = URL(filePath: "\(path)/\(file)")
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: url)
  }

  /// The configuration of a spec with one source and `lines`.
  func configuration(spec lines: String, flags: [Parameter: String] = [:]) throws -> JobConfiguration {
    try write(Self.sources + lines, to: "job.yaml")
    return try JobConfiguration(spec: "job.yaml", flags: flags, process: process)
  }

  func configuration(flags: [Parameter: String] = [:]) throws -> JobConfiguration {
    try JobConfiguration(flags: flags, process: process)
  }
}

extension JobConfiguration {
  func setting(_ key: String) throws -> Setting {
    try #require(settings.first { $0.key == key })
  }
}

/// The one line that `body` fails with.
func failureLine(_ body: () throws -> Void) throws -> String {
  let failure = try #require(throws: Failure.self) { try body() }
  let isOfFlag = "\(failure)".hasPrefix("command line: ") && "\(failure)".contains(" must be ")
  #expect(failure.exitCode == (isOfFlag ? .usage : .configuration))
  return "\(failure)"
}

/// The repository's root.
let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path
