/// Rows below a heading: the first column to the left, the others to the right.
struct Table {
  private let rows: [[String]]

  /// - Parameter width: where a line would be longer, the first column is cut.
  init(_ rows: [[String]], width: Int = .max) {
    let others = (rows.first?.indices.dropFirst() ?? []).reduce(0) { sum, column in
      sum + 2 + (rows.map { $0[column].count }.max() ?? 0)
    }
    self.rows = rows.map { row in
      row.enumerated().map { $0.offset == 0 ? $0.element.shortened(to: max(8, width - others)) : $0.element }
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
