import Backfill
import Foundation

/// The parts that the page of a run and the report are made of.
enum PageParts {
  /// A figure with its name, and what it is measured by.
  static func tile(_ name: String, _ value: String, _ note: String = "", alarming: Bool = false) -> HTML {
    let small: HTML = note.isEmpty ? "" : "<small>\(note)</small>"
    return "<div class=\"tile\(alarming ? " alarm" : "")\"><dt>\(name)</dt><dd>\(value)\(small)</dd></div>"
  }

  static func tiles(_ tiles: [HTML]) -> HTML { "<dl class=\"tiles\">\(tiles)</dl>" }

  /// How much is done; without a total it is unknown.
  static func bar(_ done: Int, of total: Int?) -> HTML {
    guard let total, total > 0 else { return "" }
    let share = min(100, max(0, 100 * Double(done) / Double(total)))
    return """
      <svg class="bar" role="progressbar" aria-label="rows done" aria-valuemin="0" aria-valuemax="100" \
      aria-valuenow="\(Int(share))"><rect class="track" width="100%" height="100%"/>\
      <rect class="done" width="\(share.fixed(2))%" height="100%"/></svg>
      """
  }

  /// A table under a heading; nothing where it has no rows.
  ///
  /// - Parameter numeric: the columns that are right-aligned.
  static func table(_ title: String, _ head: [String], numeric: Set<Int> = [], _ rows: [[HTML]], note: String = "")
    -> HTML
  {
    guard !rows.isEmpty else { return "" }
    func isNumber(_ column: Int) -> HTML { numeric.contains(column) ? " class=\"n\"" : "" }
    let heads = head.enumerated().map { index, name -> HTML in "<th scope=\"col\"\(isNumber(index))>\(name)</th>" }
    let lines = rows.map { row -> HTML in
      let cells = row.enumerated().map { index, cell -> HTML in
        "<td\(isNumber(index)) data-name=\"\(head[index])\">\(cell)</td>"
      }
      return "<tr>\(cells)</tr>"
    }
    let small: HTML = note.isEmpty ? "" : "<p class=\"note\">\(note)</p>"
    // In a narrow window each row of many columns is a block of lines.
    let look: HTML = head.count > 4 || numeric.isEmpty ? " class=\"stack\"" : ""
    return """
      <section><h2>\(title)</h2><div class="scroll" tabindex="0" role="region" aria-label="\(title)">\
      <table\(look)><thead><tr>\(heads)</tr></thead><tbody>\(lines)</tbody></table></div>\(small)</section>
      """
  }

  /// A name from outside, whatever its direction of writing.
  static func name(_ text: String) -> HTML { "<bdi>\(text)</bdi>" }

  static func time(_ date: Date) -> String {
    date.formatted(.iso8601).replacing("T", with: " ").replacing("Z", with: " UTC")
  }

  static func seconds(_ seconds: Double) -> String {
    seconds < 1 ? "\((seconds * 1_000).fixed(0)) ms" : "\(seconds.fixed(2)) s"
  }
}
