/// Where a line is: "results.jsonl:17".
package struct LinePlace: Hashable, Sendable {
  package let file: String
  /// From 1.
  package let line: Int

  package init(file: String, line: Int) {
    self.file = file
    self.line = line
  }
}

extension LinePlace: CustomStringConvertible {
  package var description: String { "\(file):\(line)" }
}
