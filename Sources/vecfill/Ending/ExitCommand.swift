import Backfill
import Foundation

/// The command of `--on-exit`: `/bin/sh -c COMMAND` with the summary on its standard input.
struct ExitCommand: Sendable {
  let command: String
  var patience: Duration = .seconds(30)

  /// vecfill's own environment without what opens the database and the provider, and with `VECFILL_EXIT_CODE`.
  static func environment(_ own: [String: String], exitCode: Int32) -> [String: String] {
    var environment = own.filter { name, _ in
      !name.hasSuffix("_API_KEY")
        && !["DATABASE_URL", "VECFILL_MIGRATION_DATABASE_URL", "VECFILL_WEBHOOK", "PGPASSWORD"].contains(name)
    }
    environment["VECFILL_EXIT_CODE"] = "\(exitCode)"
    return environment
  }

  /// Runs it, and kills it and its children after its patience; returns what went wrong, nil where nothing did.
  func run(_ summary: String, exitCode: Int32) async -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.environment = ExitCommand.environment(ProcessInfo.processInfo.environment, exitCode: exitCode)
    let input = Pipe()
    process.standardInput = input
    // Standard output is the summary's alone.
    process.standardOutput = FileHandle.standardError
    let (ends, ended) = AsyncStream<Void>.makeStream()
    process.terminationHandler = { _ in ended.finish() }
    do {
      try process.run()
      // A command that reads nothing may have ended already, which is no fault of its.
      try? input.fileHandleForWriting.write(contentsOf: Data((summary + "\n").utf8))
      try input.fileHandleForWriting.close()
    } catch {
      return "--on-exit: /bin/sh could not be run"
    }
    let isOver = await within(patience) {
      for await _ in ends {}
      return !Task.isCancelled
    }
    guard isOver == true else {
      // Foundation puts a process into a group of its own.
      kill(-process.processIdentifier, SIGKILL)
      kill(process.processIdentifier, SIGKILL)
      return "--on-exit: it did not end within \(patience.seconds.fixed(0)) s, and was killed"
    }
    if process.terminationReason == .uncaughtSignal { return "--on-exit: signal \(process.terminationStatus) ended it" }
    return process.terminationStatus == 0 ? nil : "--on-exit: it ended with \(process.terminationStatus)"
  }
}
