/// A failure that a person can act on: what happened, to what, and what to do next, on one line.
///
/// It never carries message text or a secret (P10).
package struct Failure: Error, Sendable, Equatable {
  package let exitCode: ExitCode
  /// What it happened to: a file, a table, a host.
  package let subject: String
  package let reason: String
  package let remedy: String?

  package init(_ exitCode: ExitCode, _ subject: String, _ reason: String, remedy: String? = nil) {
    self.exitCode = exitCode
    self.subject = subject
    self.reason = reason
    self.remedy = remedy
  }
}

extension Failure: CustomStringConvertible {
  package var description: String {
    (remedy.map { "\(subject): \(reason); \($0)" } ?? "\(subject): \(reason)").onOneLine
  }
}

extension String {
  /// The same without line breaks and without what moves a terminal's cursor: a name or a key may hold either.
  package var onOneLine: String { split { $0.isNewline || $0.isControl }.joined(separator: " ") }
}

extension Character {
  fileprivate var isControl: Bool { unicodeScalars.allSatisfy { $0.properties.generalCategory == .control } }
}
