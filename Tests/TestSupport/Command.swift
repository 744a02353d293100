import Backfill
import Foundation

/// A program that is run to its end.
package enum Command {
  /// Whether it is installed.
  package static func isInstalled(_ name: String) -> Bool {
    ["/usr/bin/", "/usr/local/bin/", "/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
  }

  /// - Parameter input: the file that it reads as its standard input; nil for none.
  package static func run(
    _ command: [String], input: String? = nil
  ) async throws -> (code: Int32, output: String, errors: String) {
    let folder = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.standardInput = try input.map { try FileHandle(forReadingFrom: URL(fileURLWithPath: $0)) } ?? .nullDevice
    let handles = try ["output", "errors"].map { name in
      try Data().write(to: URL(fileURLWithPath: folder.file(name)))
      return try FileHandle(forWritingTo: URL(fileURLWithPath: folder.file(name)))
    }
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    let (ended, ending) = AsyncStream<Void>.makeStream()
    process.terminationHandler = { _ in ending.finish() }
    try process.run()
    for handle in handles { try handle.close() }
    for await _ in ended {}
    let text = { (name: String) in
      String(decoding: FileManager.default.contents(atPath: folder.file(name)) ?? Data(), as: UTF8.self)
    }
    return (process.terminationStatus, text("output"), text("errors"))
  }
}
