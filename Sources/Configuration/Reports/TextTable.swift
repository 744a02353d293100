/// Rows in columns that are aligned for a terminal.
struct TextTable: CustomStringConvertible {
  enum Alignment {
    case left, right
  }

  let header: [String]
  let rows: [[String]]
  let alignments: [Alignment]
  /// A longer cell doesn't widen its column.
  var maximumWidth = Int.max

  var description: String {
    let lines = [header] + rows
    let widths = header.indices.map { column in
      lines.map(\.[column].count).filter { $0 <= maximumWidth }.max() ?? 0
    }
    return lines.map { line in
      let cells = header.indices.map { padded(line[$0], to: widths[$0], alignments[$0]) }
      return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }

  private func padded(_ cell: String, to width: Int, _ alignment: Alignment) -> String {
    let padding = String(repeating: " ", count: max(0, width - cell.count))
    return alignment == .left ? cell + padding : padding + cell
  }
}
