import Backfill
import Foundation

/// What vecfill writes at a path that a person gives. A file of any other kind keeps its place: a path is easily the job's,
/// the database's or the ledger's.
package enum OwnFile: Sendable {
  case report, metrics, termination

  /// Enough of a report to hold its title.
  private static let beginning = 65_536

  /// Whether `path` is no file that could be replaced: standard output, a device, a pipe.
  package static func isStream(_ path: String) -> Bool {
    guard !path.hasPrefix("/dev/"), !path.hasPrefix("/proc/") else { return true }
    var found = stat()
    return stat(path, &found) == 0 && ![S_IFREG, S_IFDIR].contains(found.st_mode & S_IFMT)
  }

  /// Throws a `Failure` with `.configuration` where a file that is neither empty nor of this kind is at `path`.
  package func check(_ path: String) throws(Failure) {
    var found = stat()
    guard !OwnFile.isStream(path), stat(path, &found) == 0 else { return }
    guard found.st_mode & S_IFMT != S_IFDIR else {
      throw Failure(.configuration, path, "this is a folder", remedy: "name a file in it")
    }
    guard found.st_size > 0 else { return }
    let read = FileHandle(forReadingAtPath: path).flatMap { try? $0.read(upToCount: OwnFile.beginning) }
    guard let read, isOwn(String(decoding: read, as: UTF8.self)) else {
      throw Failure(
        .configuration, path, "this file is there and is no \(name) of vecfill's, so it is left as it is",
        remedy: remedy)
    }
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
