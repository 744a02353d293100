import Foundation

/// An application of its own process, with SQLAlchemy and pgvector, that writes, edits, reads and searches chat_messages
/// all along: scripts/bench.d/programs/application.py.
package final class LiveApplication: Sendable {
  /// What it saw until its end.
  package struct Report: Decodable, Sendable {
    package let queries: Int
    package let failures: Int
    package let failed: [String]
    package let wrongs: Int
    package let wrong: [String]
    package let longestMilliseconds: Int
    /// How many rows it read while the column was of each model.
    package let seen: [String: Int]
  }

  package enum Kind: String, Sendable {
    /// Asks which model the column is of.
    case follows
    /// Knows the former model only.
    case former
  }

  private let process: Process
  private let input: Pipe
  private let output: Pipe

  /// - Parameters:
  ///   - rate: transactions a second.
  ///   - former: the former model and the length of its vectors, and `new` the new one's.
  package init(
    _ kind: Kind, url: String, rate: Int = 50, former: (name: String, dimensions: Int),
    new: (name: String, dimensions: Int)
  ) throws {
    process = Process()
    let environment = ProcessInfo.processInfo.environment
    let folder = environment["VECFILL_TEST_PYTHON"] ?? "/var/tmp/vecfill-python-\(getuid())"
    process.executableURL = URL(fileURLWithPath: "\(folder)/bin/python")
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    process.arguments = [
      root.appendingPathComponent("scripts/bench.d/programs/application.py").path, url, "\(rate)", kind.rawValue,
      "\(former.name)=\(former.dimensions)", "\(new.name)=\(new.dimensions)",
    ]
    (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    do {
      try process.run()
    } catch {
      throw LiveApplicationError(description: "there is no Python at \(folder): scripts/install-python makes it")
    }
    // "ready", as soon as it works.
    guard String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).hasPrefix("ready") else {
      throw LiveApplicationError(description: "the application did not start")
    }
  }

  deinit { if process.isRunning { process.terminate() } }

  /// Lets it come to its end.
  package func end() async throws -> Report {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { [input, output, process] in
        continuation.resume(
          with: Result {
            try input.fileHandleForWriting.close()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return try JSONDecoder().decode(Report.self, from: data)
          })
      }
    }
  }
}

package struct LiveApplicationError: Error, CustomStringConvertible {
  package let description: String
}
