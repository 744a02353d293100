/// Rows in columns below a heading, aligned for a terminal.
package struct TextTable: CustomStringConvertible {
  package enum Alignment: Sendable {
    case left, right
  }

  private let lines: [[String]]
  private let alignments: [Alignment]
  private let cellWidth: Int

  /// - Parameters:
  ///   - alignments: one for each column; those that are not given are `.right`.
  ///   - cellWidth: a longer cell doesn't widen its column.
  ///   - lineWidth: where a line would be longer, the first column's cells are cut in their middle.
  package init(
    header: [String], rows: [[String]], alignments: [Alignment] = [.left], cellWidth: Int = .max,
    lineWidth: Int = .max
  ) {
    self.alignments = header.indices.map { $0 < alignments.count ? alignments[$0] : .right }
    self.cellWidth = cellWidth
    var lines = [header] + rows
    let others = header.indices.dropFirst().reduce(0) { $0 + 2 + TextTable.width(of: $1, in: lines, most: cellWidth) }
    let first = max(8, lineWidth - others)
    for row in lines.indices { lines[row][0] = lines[row][0].shortened(to: first) }
    self.lines = lines
  }

  package var description: String {
    let widths = alignments.indices.map { TextTable.width(of: $0, in: lines, most: cellWidth) }
    return lines.map { line in
      let cells = line.indices.map { column in
        let padding = String(repeating: " ", count: max(0, widths[column] - line[column].count))
        return alignments[column] == .left ? line[column] + padding : padding + line[column]
      }
      return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }

  private static func width(of column: Int, in lines: [[String]], most: Int) -> Int {
    lines.map { $0[column].count }.filter { $0 <= most }.max() ?? 0
  }
}

extension String {
  /// Cut in its middle where it is longer.
  fileprivate func shortened(to length: Int) -> String {
    guard count > length else { return self }
    return prefix(length - length / 2 - 1) + "…" + suffix(length / 2)
  }
}
