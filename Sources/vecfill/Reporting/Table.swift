/// Rows below a heading: the first column to the left, the others to the right.
struct Table {
  private let rows: [[String]]

  /// - Parameter width: where a line would be longer, the first column is cut.
  init(_ rows: [[String]], width: Int = .max) {
    let columns = rows.first?.count ?? 0
    var others = 0
    for column in 1..<max(1, columns) { others += 2 + (rows.map { $0[column].count }.max() ?? 0) }
    let longest = max(8, width - others)
    self.rows = rows.map { row in
      row.enumerated().map { $0.offset == 0 ? $0.element.shortened(to: longest) : $0.element }
    }
  }

  var text: String {
    let columns = rows.first?.count ?? 0
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + padding : padding + cell
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
