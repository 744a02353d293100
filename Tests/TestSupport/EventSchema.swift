import Foundation

/// The documented schema of events, asked through `scripts/check-events`, which is Python's jsonschema.
package enum EventSchema {
  package struct Verdict: Sendable {
    /// How often each event came.
    package let events: [String: Int]
    /// The lines that don't fit, with the reasons; empty where all do.
    package let problems: String
  }

  package static func check(_ lines: String) throws -> Verdict {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folder = try TemporaryFolder()
    try Data(lines.utf8).write(to: URL(fileURLWithPath: folder.file("lines")))
    let process = Process()
    process.executableURL = try python()
    process.arguments = [root.appendingPathComponent("scripts/check-events").path]
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: folder.file("lines")))
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let problems = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let told = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let counts = told.split(separator: "\n").map { $0.split(separator: " ") }
    return Verdict(
      events: Dictionary(counts.map { (String($0[0]), Int($0[1]) ?? 0) }, uniquingKeysWith: +), problems: problems)
  }

  /// The first Python that has jsonschema: the tests' own, or the machine's.
  private static func python() throws -> URL {
    let environment = ProcessInfo.processInfo.environment
    let folder = environment["VECFILL_TEST_PYTHON"] ?? "/var/tmp/vecfill-python-\(getuid())"
    let others = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/python3" }
    for path in ["\(folder)/bin/python"] + others where FileManager.default.isExecutableFile(atPath: path) {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = ["-c", "import jsonschema"]
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      if process.terminationStatus == 0 { return URL(fileURLWithPath: path) }
    }
    throw EventSchemaError(description: "no Python here has jsonschema: scripts/install-python makes one")
  }
}

package struct EventSchemaError: Error, CustomStringConvertible {
  package let description: String
}
