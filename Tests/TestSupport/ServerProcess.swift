import Foundation

import func CLinux.posix_spawn_file_actions_addclosefrom_np

/// A program that serves a test, and is ended with it.
///
/// Not Foundation's `Process`: its children have the blocked signals of dispatch's threads, SIGTERM among them, and with
/// `readabilityHandler` it crashed libdispatch here in one of three runs.
package final class ServerProcess: Sendable {
  private let process: pid_t
  private let input: Int32
  private let output = EmbeddingsServer.Watched("")
  private let hasEnded = EmbeddingsServer.Watched(false)

  private init(_ command: [String]) throws {
    let (stdin, stdout) = (try ServerProcess.pipe(), try ServerProcess.pipe())
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, stdin.read, 0)
    posix_spawn_file_actions_adddup2(&actions, stdout.write, 1)
    posix_spawn_file_actions_adddup2(&actions, stdout.write, 2)
    // As in `PostgresProcess.spawn`.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var noSignal = sigset_t()
    sigemptyset(&noSignal)
    posix_spawnattr_setsigmask(&attributes, &noSignal)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var arguments = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var started: pid_t = 0
    let code = posix_spawnp(&started, command[0], &actions, &attributes, &arguments, environ)
    close(stdin.read)
    close(stdout.write)
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
    let process = started
    self.process = process
    input = stdin.write

    Thread.detachNewThread { [output] in
      var buffer = [UInt8](repeating: 0, count: 4_096)
      while case let count = read(stdout.read, &buffer, buffer.count), count > 0 {
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        output.update { $0 += text }
      }
      close(stdout.read)
    }
    Thread.detachNewThread { [hasEnded] in
      var status: Int32 = 0
      waitpid(process, &status, 0)
      hasEnded.update { $0 = true }
    }
  }

  deinit {
    close(input)
  }

  package static func run<Result>(
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

  package var printed: String { output.value }

  /// Returns what was printed once `text` is in it.
  package func prints(_ text: String) async throws -> String {
    try await output.wait { $0.contains(text) }
    return output.value
  }

  package func type(_ text: String) {
    _ = text.withCString { write(input, $0, strlen($0)) }
  }

  package func end() async throws {
    if !hasEnded.value { kill(process, SIGKILL) }
    try await hasEnded.wait { $0 }
  }

  private static func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard Foundation.pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }
}
