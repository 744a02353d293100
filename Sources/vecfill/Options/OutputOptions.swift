import ArgumentParser
import Backfill
import Configuration
import Foundation
import Logging

/// What a run prints, and how.
struct OutputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Print log lines and the summary as text, or as one JSON object a line (docs/events.md).", valueName: "text|json")
  )
  var logFormat = LogFormat.text

  @Flag(
    name: .shortAndLong, help: "Print warnings and errors only; a complete run prints nothing, except with json.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Print each request, too.")
  var verbose = false

  @Option(
    help: ArgumentHelp(
      "A command for /bin/sh at the end, however the run ends. It gets the summary as JSON on standard input, and VECFILL_EXIT_CODE.",
      valueName: "command"))
  var onExit: String?

  @Option(
    help: ArgumentHelp(
      "POST the same JSON there at the end. Others can see a command line: better set VECFILL_WEBHOOK.",
      valueName: "url"))
  var webhook: String?

  func validate() throws {
    if let webhook, Webhook(webhook) == nil { throw ValidationError(OutputOptions.webhookRule) }
    guard !quiet || !verbose else { throw ValidationError("--quiet and --verbose exclude each other") }
  }

  private static let webhookRule = "--webhook takes an https URL, or http on this machine's loopback"

  /// Who is told how the run of a spec ends.
  func end(of spec: String) throws -> RunEnd {
    let variables = ProcessContext.current().variables
    let log = TerminationLog(variables)
    try log?.check()
    let address = webhook ?? variables[EndVariable.webhook.rawValue].flatMap { $0.isEmpty ? nil : $0 }
    let hook = address.flatMap { Webhook($0) }
    if address != nil, hook == nil {
      throw Failure(
        .usage, EndVariable.webhook.rawValue, "it is not an https URL, nor http on this machine's loopback")
    }
    let name = URL(fileURLWithPath: spec).deletingPathExtension().lastPathComponent
    return RunEnd(job: name, command: onExit.map { ExitCommand(command: $0) }, webhook: hook, log: log)
  }

  var logger: Logger {
    Logger(label: "vecfill") { _ in
      ConsoleLogHandler(.standard, level: quiet ? .warning : verbose ? .debug : .info)
    }
  }

  /// Prints a run's summary, or a round's where it is one of several.
  func print(_ summary: RunSummary) {
    switch logFormat {
    case .json: Swift.print(JSONLine.encode(summary.event.json(at: Date())))
    case .text where quiet: if summary.outcome != .complete { Swift.print(summary.heading) }
    case .text: Swift.print(summary.round != nil && summary.isDone ? summary.line : summary.text)
    }
    fflush(nil)
  }
}
