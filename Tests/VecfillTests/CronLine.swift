import Foundation
import TestSupport

/// The crontab line that ships, as cron runs it: by /bin/sh, and what it prints is mailed.
struct CronLine {
  struct Start {
    let code: Int32
    /// Empty where cron sends no mail.
    let mail: String
  }

  private let command: String

  /// - Parameter more: further arguments of `vecfill run`.
  init(_ more: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "jobs/cron/vecfill.crontab")
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    // The schedule's five fields come first.
    guard let line = lines.last(where: { !$0.hasPrefix("#") }),
      let command = line.split(separator: " ", maxSplits: 5).last
    else { throw SceneError(description: "no line in \(file.path)") }
    let binaries = VecfillProcess.executable.deletingLastPathComponent().path
    self.command = String(command).replacing("PATH=", with: "PATH=\(binaries):").replacing(
      "--if-locked skip", with: "--if-locked skip \(more)")
  }

  /// Runs it to its end, in a home folder that has `vecfill`.
  func start(in home: String, _ environment: [String: String]) async throws -> Start {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", command]
    process.environment = environment.merging(["HOME": home]) { $1 }
    process.standardInput = FileHandle.nullDevice
    let output = "\(home)/mail"
    _ = FileManager.default.createFile(atPath: output, contents: nil)
    guard let handle = FileHandle(forWritingAtPath: output) else { throw SceneError(description: output) }
    defer { try? handle.close() }
    process.standardOutput = handle
    process.standardError = handle
    let (ended, ending) = AsyncStream<Void>.makeStream()
    process.terminationHandler = { _ in ending.finish() }
    try process.run()
    for await _ in ended {}
    return Start(code: process.terminationStatus, mail: try String(contentsOfFile: output, encoding: .utf8))
  }
}
