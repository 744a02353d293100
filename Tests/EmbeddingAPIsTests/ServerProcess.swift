import Foundation
import TestSupport

/// A program that serves a test, and is ended with it.
final class ServerProcess: Sendable {
  private let process: Process
  private let output = EmbeddingsServer.Watched("")
  private let hasEnded = EmbeddingsServer.Watched(false)
  private let input = Pipe()

  private init(_ command: [String]) throws {
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // Foundation hands every descriptor on, and with it the sockets of tests that run beside this one.
    let closing = #"for fd in /proc/$$/fd/*; do fd=${fd##*/}; ((fd > 2)) && eval "exec $fd>&-"; done; exec "$@""#
    process.arguments = ["bash", "-c", closing, "--"] + command
    let pipe = Pipe()
    process.standardInput = input
    process.standardOutput = pipe
    process.standardError = pipe
    pipe.fileHandleForReading.readabilityHandler = { [output] handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil }
      output.update { $0 += String(decoding: data, as: UTF8.self) }
    }
    process.terminationHandler = { [hasEnded] _ in hasEnded.update { $0 = true } }
    try process.run()
  }

  static func run<Result>(
    _ command: String..., body: (ServerProcess) async throws -> Result
  ) async throws -> Result {
    let server = try ServerProcess(command)
    do {
      let result = try await body(server)
      try await server.end()
      return result
    } catch {
      try await server.end()
      throw error
    }
  }

  var printed: String { output.value }

  /// Returns what was printed once `text` is in it.
  func prints(_ text: String) async throws -> String {
    try await output.wait { $0.contains(text) }
    return output.value
  }

  func type(_ text: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
  }

  private func end() async throws {
    // Not by SIGTERM: the threads that processes are started from have it blocked, and the processes inherit that.
    kill(process.processIdentifier, SIGKILL)
    try await hasEnded.wait { $0 }
  }
}
