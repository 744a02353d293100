import Backfill
import Foundation

/// What vecfill writes at a path that a person gives. A file of any other kind keeps its place: a path is easily the job's,
/// the database's or the ledger's.
package enum OwnFile: Sendable {
  case report, metrics, termination

  /// Enough of a report to hold its title.
  private static let mostRead = 65_536

  /// Whether `path` is no file that could be replaced: standard output, a device, a pipe.
  package static func isStream(_ path: String) -> Bool {
    path.hasPrefix("/dev/") || path.hasPrefix("/proc/") || FileKind(at: path) == .stream
  }

  /// Throws a `Failure` with `.configuration` where a file that is neither empty nor of this kind is at `path`.
  package func check(_ path: String) throws(Failure) {
    guard !OwnFile.isStream(path) else { return }
    switch FileKind(at: path) {
    case .missing, .stream: return
    case .folder: throw Failure(.configuration, path, "this is a folder", remedy: "name a file in it")
    case .file: break
    }
    guard let text = try? OwnFile.beginning(of: path), text.isEmpty || isOwn(text) else {
      throw Failure(
        .configuration, path, "this file is there and is no \(name) of vecfill's, so it is left as it is",
        remedy: remedy)
    }
  }

  private static func beginning(of path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    return String(decoding: try file.read(upToCount: mostRead) ?? Data(), as: UTF8.self)
  }

  private func isOwn(_ text: String) -> Bool {
    switch self {
    case .report: text.hasPrefix("<!doctype html>") && text.contains("\(HistoryPage.titleEnd)</title>")
    case .metrics: text.hasPrefix("# HELP vecfill_")
    case .termination: text.hasPrefix("vecfill: ")
    }
  }

  private var name: String {
    switch self {
    case .report: "report"
    case .metrics: "file of metrics"
    case .termination: "termination message"
    }
  }

  private var remedy: String {
    switch self {
    case .report: "give the HTML file to write first, e.g. `vecfill report report.html`, or remove this one"
    case .metrics: "give another file by --metrics-file, or remove this one"
    case .termination: "name another file in VECFILL_TERMINATION_LOG, or remove this one"
    }
  }
}
