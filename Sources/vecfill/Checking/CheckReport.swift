import Backfill

/// All that `vecfill check` found: lines for a terminal of 100 columns as they come, or one JSON object at the end.
struct CheckReport: Encodable {
  /// What the findings are about: "database", a table, "ledger", "provider".
  struct Group: Sendable {
    let name: String
    /// E.g. an address or a path; empty where the name says it all.
    let place: String

    var heading: String { place.isEmpty ? name : "\(name)  \(place)" }
  }

  private let job: String
  private(set) var findings: [(group: Group, finding: Finding)] = []
  /// Lines of YAML for the catalogue, where the provider showed a limit that the catalogue doesn't know.
  var catalogueEntry: String?

  private static let width = 100
  private static let names = 14

  init(job: String) {
    self.job = job
  }

  /// Adds a finding, and returns the lines that show it: with its group's heading where the group is another one now.
  mutating func add(_ finding: Finding, to group: Group) -> String {
    let isNew = findings.last.map { $0.group.heading != group.heading } ?? true
    let heading = isNew ? "\(findings.isEmpty ? "" : "\n")\(group.heading)\n" : ""
    findings.append((group, finding))
    return heading + Self.lines(of: finding)
  }

  private static func lines(of finding: Finding) -> String {
    let margin = String(repeating: " ", count: 2 + 9 + names + 2)
    func block(_ text: String) -> String {
      text.wrapped(to: width - margin.count).split(separator: "\n").joined(separator: "\n\(margin)")
    }
    let beginning = "  \(finding.mark.rawValue.padded(to: 9))\(finding.check.padded(to: names))  "
    let line = beginning + block(finding.found)
    return finding.next.map { "\(line)\n\(margin)\(block("next: \($0)"))" } ?? line
  }

  /// The last lines: what to paste, and the sum.
  var ending: String {
    let sum = Finding.Mark.allCases.compactMap { mark in
      let count = count(mark)
      guard count > 0 || mark != .skipped else { return nil }
      return mark == .warning ? count.of("warning") : "\(count.grouped) \(mark.rawValue)"
    }.joined(separator: ", ")
    let paste = catalogueEntry.map { "for ~/.config/vecfill/models.yaml, or a file for --models:\n\n\($0)\n\n" } ?? ""
    return "\n\(paste)\(sum); nothing was written"
  }

  /// What the first failed check makes the command end with; nil where none failed.
  var failure: Failure? {
    findings.lazy.compactMap { group, finding in
      finding.exitCode.map { Failure($0, group.name, "\(finding.check): \(finding.found)", remedy: finding.next) }
    }.first
  }

  private func count(_ mark: Finding.Mark) -> Int { findings.count { $0.finding.mark == mark } }

  private enum Keys: String, CodingKey {
    case job, checks, failed, warnings, exitCode, catalogueEntry
  }

  private struct Line: Encodable {
    let about: String
    let check: String
    let mark: Finding.Mark
    let found: String
    let next: String?
    let exitCode: Int32?
  }

  func encode(to encoder: any Encoder) throws {
    var keys = encoder.container(keyedBy: Keys.self)
    try keys.encode(job, forKey: .job)
    try keys.encode(
      findings.map { group, finding in
        Line(
          about: group.name, check: finding.check, mark: finding.mark, found: finding.found, next: finding.next,
          exitCode: finding.exitCode?.rawValue)
      }, forKey: .checks)
    try keys.encode(count(.failed), forKey: .failed)
    try keys.encode(count(.warning), forKey: .warnings)
    try keys.encode(failure?.exitCode.rawValue ?? 0, forKey: .exitCode)
    try keys.encodeIfPresent(catalogueEntry, forKey: .catalogueEntry)
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
