/// Names and figures, a line each, the figures below one another.
struct FigureList {
  private let rows: [(name: String, figure: String)]

  init(_ rows: [(String, String)]) {
    self.rows = rows
  }

  var text: String {
    let width = rows.map(\.name.count).max() ?? 0
    return rows.map { "  \($0.name)\(String(repeating: " ", count: width - $0.name.count))  \($0.figure)" }
      .joined(separator: "\n")
  }
}
