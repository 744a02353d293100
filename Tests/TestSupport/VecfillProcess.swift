import Backfill
import Foundation

/// A real vecfill, started by a test in a folder and an environment of its own, and ended with it.
package final class VecfillProcess: Sendable {
  /// How a process ended, and what it said.
  package struct Exit: Sendable {
    /// The exit code; nil where a signal killed it.
    package let code: Int32?
    package let signal: Int32?
    package let output: String
    package let errors: String
  }

  private let process: Locked<Process>
  private let ended: AsyncStream<Void>
  private let folder: TemporaryFolder
  package let pid: Int32

  /// - Parameters:
  ///   - environment: all that the process sees but PATH.
  ///   - workingFolder: the default is a folder of its own.
  ///   - script: what bash does to start it, as `exec "$0" "$@" 2>&-`.
  package init(
    _ arguments: [String], environment: [String: String] = [:], workingFolder: String? = nil, by script: String? = nil
  ) throws {
    _ = VecfillProcess.takesHangups
    let folder = try TemporaryFolder()
    self.folder = folder
    let process = Process()
    process.executableURL = script == nil ? VecfillProcess.executable : URL(fileURLWithPath: "/bin/bash")
    process.arguments = script.map { ["-c", $0, VecfillProcess.executable.path] + arguments } ?? arguments
    process.environment = ["PATH": "/usr/bin:/bin", "HOME": folder.path].merging(environment) { $1 }
    process.currentDirectoryURL = URL(fileURLWithPath: workingFolder ?? folder.path)
    process.standardInput = FileHandle.nullDevice
    let output = try VecfillProcess.file(folder.file("output"))
    let errors = try VecfillProcess.file(folder.file("errors"))
    process.standardOutput = output
    process.standardError = errors
    let (ended, ending) = AsyncStream<Void>.makeStream()
    self.ended = ended
    process.terminationHandler = { _ in ending.finish() }
    try process.run()
    // Foundation keeps them open for good, and there are thousands of processes.
    try output.close()
    try errors.close()
    pid = process.processIdentifier
    self.process = Locked(process)
  }

  /// Tests that are run by `nohup` ignore SIGHUP, and so would what they start: a handler is no such thing.
  private static let takesHangups: Void = {
    var action = sigaction()
    sigaction(SIGHUP, nil, &action)
    let isIgnored =
      unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    if isIgnored { signal(SIGHUP) { _ in } }
  }()

  deinit {
    process.withLock { if $0.isRunning { Foundation.kill($0.processIdentifier, SIGKILL) } }
  }

  /// Runs a vecfill to its end.
  package static func run(
    _ arguments: [String], environment: [String: String] = [:], workingFolder: String? = nil
  ) async throws -> Exit {
    try await VecfillProcess(arguments, environment: environment, workingFolder: workingFolder).exit()
  }

  package var isRunning: Bool { process.withLock(\.isRunning) }

  /// What it has said on standard error so far.
  package var errors: String { text(of: "errors") }

  /// What it has said on standard output so far.
  package var output: String { text(of: "output") }

  /// Waits for the end, and returns with it the most memory that the process had, in MB, as it was seen every few ms.
  package func exitAndMemory() async -> (exit: Exit, megabytes: Int) {
    let pid = pid
    let most = Locked(0)
    let watch = Task {
      while !Task.isCancelled {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        if let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
          let kilobytes = line.split(separator: " ").dropLast().last.flatMap({ Int($0) })
        {
          most.withLock { $0 = max($0, kilobytes / 1_000) }
        }
        try? await Task.sleep(for: .milliseconds(5))
      }
    }
    let exit = await exit()
    watch.cancel()
    return (exit, most.withLock { $0 })
  }

  /// Does nothing to one that has ended: its number may be another process's by now.
  package func send(_ signal: Int32) {
    process.withLock { if $0.isRunning { kill(pid, signal) } }
  }

  /// Waits for the end.
  package func exit() async -> Exit {
    for await _ in ended {}
    return process.withLock { process in
      let isSignal = process.terminationReason == .uncaughtSignal
      return Exit(
        code: isSignal ? nil : process.terminationStatus, signal: isSignal ? process.terminationStatus : nil,
        output: text(of: "output"), errors: text(of: "errors"))
    }
  }

  private func text(of file: String) -> String {
    String(decoding: FileManager.default.contents(atPath: folder.file(file)) ?? Data(), as: UTF8.self)
  }

  private static func file(_ path: String) throws -> FileHandle {
    try Data().write(to: URL(fileURLWithPath: path))
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }

  /// Beside the test's own executable, where the build puts both, unless `VECFILL_TEST_EXECUTABLE` names another build.
  package static var executable: URL {
    if let path = ProcessInfo.processInfo.environment["VECFILL_TEST_EXECUTABLE"] { return URL(fileURLWithPath: path) }
    return URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("vecfill")
  }
}
