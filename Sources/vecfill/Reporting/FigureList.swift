/// Names and figures, a line each, the figures below one another.
struct FigureList {
  private let rows: [(name: String, figure: String)]
  private let lineWidth: Int?

  /// - Parameter lineWidth: where a line would be longer, its figure goes on below; nil for as long as it takes.
  init(_ rows: [(String, String)], lineWidth: Int? = nil) {
    self.rows = rows
    self.lineWidth = lineWidth
  }

  var text: String {
    let names = rows.map(\.name.count).max() ?? 0
    let margin = String(repeating: " ", count: names + 4)
    return rows.map { name, figure in
      let lines = lineWidth.map { figure.wrapped(to: $0 - margin.count) } ?? figure
      let padding = String(repeating: " ", count: names - name.count)
      return "  \(name)\(padding)  \(lines.split(separator: "\n").joined(separator: "\n\(margin)"))"
    }.joined(separator: "\n")
  }
}
