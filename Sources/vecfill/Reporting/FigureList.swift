/// Names and figures, a line each, the figures below one another.
struct FigureList {
  private let rows: [(name: String, figure: String)]
  private let lineWidth: Int?
  private let nameWidth: Int

  /// - Parameters:
  ///   - nameWidth: the names' column is no narrower, so that figures stand at the same place from run to run.
  ///   - lineWidth: where a line would be longer, its figure goes on below; nil for as long as it takes.
  init(_ rows: [(String, String)], nameWidth: Int = 0, lineWidth: Int? = nil) {
    self.rows = rows
    self.nameWidth = nameWidth
    self.lineWidth = lineWidth
  }

  var text: String {
    let names = rows.map(\.name.count).reduce(nameWidth, max)
    let margin = String(repeating: " ", count: names + 4)
    return rows.map { name, figure in
      let lines = lineWidth.map { figure.wrapped(to: $0 - margin.count) } ?? figure
      let padding = String(repeating: " ", count: names - name.count)
      return "  \(name)\(padding)  \(lines.split(separator: "\n").joined(separator: "\n\(margin)"))"
    }.joined(separator: "\n")
  }
}
