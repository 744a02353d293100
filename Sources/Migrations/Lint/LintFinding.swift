/// A statement that is unsafe on a live system, and what to write instead.
package struct LintFinding: Hashable, Sendable, CustomStringConvertible {
  package let file: String
  package let line: Int
  package let reason: String
  package let instead: String

  package var description: String { "\(file):\(line): \(reason); \(instead)" }
}
