import Backfill

/// A finding of `vecfill verify`, with how many rows it is about and the keys of a few of them.
struct VerifyFinding: Encodable {
  /// The table and the column, e.g. "chat_messages.embedding".
  let about: String
  let finding: Finding
  /// nil where it is about no rows.
  let rows: Int?
  let keys: [RowKey]

  init(_ about: String, _ finding: Finding, rows: Int? = nil, keys: [RowKey] = []) {
    self.about = about
    self.finding = finding
    self.rows = rows
    self.keys = keys
  }

  init(_ about: String, _ finding: Finding, _ examples: RowExamples) {
    self.init(about, finding, rows: examples.count, keys: examples.keys)
  }

  /// One line for a person.
  var line: String {
    let examples =
      keys.isEmpty ? "" : " (e.g. \(keys.map { "\($0)".onOneLine }.joined(separator: ", ")))"
    let next = finding.next.map { "; next: \($0)" } ?? ""
    return "\(about)  \(finding.mark.rawValue)  \(finding.check): \(finding.found)\(examples)\(next)"
  }

  private enum Keys: String, CodingKey {
    case about, check, mark, found, rows, keys, next, exitCode
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(about, forKey: .about)
    try container.encode(finding.check, forKey: .check)
    try container.encode(finding.mark, forKey: .mark)
    try container.encode(finding.found, forKey: .found)
    try container.encodeIfPresent(rows, forKey: .rows)
    if !keys.isEmpty { try container.encode(keys.map { "\($0)" }, forKey: .keys) }
    try container.encodeIfPresent(finding.next, forKey: .next)
    try container.encodeIfPresent(finding.exitCode?.rawValue, forKey: .exitCode)
  }
}

extension String {
  /// A key's beginning without control characters, which could steer a terminal.
  fileprivate var onOneLine: String {
    let line = String(
      String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    return line.count > 60 ? line.prefix(59) + "…" : line
  }
}
