import Backfill
import Foundation

/// A line over time as inline SVG, its words beside it as HTML, so that they keep their size at any width.
struct LineChart {
  let title: String
  /// Evenly spaced.
  let values: [Double]
  let from: Date
  let to: Date
  /// A bound that the line should stay below; nil for none.
  var limit: Double?
  /// Whether it has ended: then its peak is what counts, not its last value.
  var isPast = false
  /// Whether it is shown as a bar a value.
  var isBars = false
  /// How a value is written.
  let format: (Double) -> String

  private static let (width, height) = (600.0, 120.0)

  var html: HTML {
    let known = values.map { $0.isFinite ? max(0, $0) : 0 }
    guard let last = known.last else { return "" }
    let most = known.max() ?? 0
    let bound = limit.flatMap { $0 > 0 && $0 < most * 20 ? $0 : nil }
    let top = max(most, bound ?? 0)
    let now = isPast ? "" : "now \(format(last)), "
    let said = "\(title): \(now)most \(format(most)), \(clock(from)) to \(clock(to)) UTC"
    let notes = [isPast ? nil : "most \(format(most))", bound.map { "limit \(format($0))" }].compactMap(\.self)
    let line: HTML = top > 0 ? (isBars ? bars(known, top) : curve(known, top)) : ""
    let limitLine: HTML =
      bound.map { limit in
        let y = Self.y(limit, top)
        return "<line class=\"limit\" x1=\"0\" x2=\"600\" y1=\"\(y)\" y2=\"\(y)\"/>"
      } ?? ""
    return """
      <figure><figcaption><span>\(title)</span><b>\(isPast ? "most \(format(most))" : format(last))</b></figcaption>
      <svg viewBox="0 0 600 120" preserveAspectRatio="none" role="img" aria-label="\(said)">\
      <line class="grid" x1="0" x2="600" y1="119.5" y2="119.5"/><line class="grid" x1="0" x2="600" y1="60" y2="60"/>\
      \(line)\(limitLine)</svg>
      <div class="axis"><span>\(clock(from))</span><span>\(notes.joined(separator: ", "))</span><span>\(clock(to))</span></div></figure>
      """
  }

  private func curve(_ values: [Double], _ top: Double) -> HTML {
    let step = Self.width / Double(max(1, values.count - 1))
    // A single value is a line across.
    let all = values.count == 1 ? [values[0], values[0]] : values
    let width = values.count == 1 ? Self.width : step
    let points = all.enumerated().map { index, value in
      "\((Double(index) * width).fixed(1).replacing(",", with: "")),\(Self.y(value, top))"
    }.joined(separator: " ")
    return """
      <polygon class="area" points="0,120 \(points) 600,120"/><polyline class="line" points="\(points)"/>
      """
  }

  private func bars(_ values: [Double], _ top: Double) -> HTML {
    let step = Self.width / Double(values.count)
    let all = values.enumerated().map { index, value -> HTML in
      let x = (Double(index) * step + step * 0.1).fixed(1)
      let height = (Self.height * value / top).fixed(1)
      return
        "<rect class=\"bar\" x=\"\(x)\" y=\"\(Self.y(value, top))\" width=\"\((step * 0.8).fixed(1))\" height=\"\(height)\"/>"
    }
    return "\(all)"
  }

  private static func y(_ value: Double, _ top: Double) -> String {
    (height - height * min(1, value / top)).fixed(1)
  }

  private func clock(_ date: Date) -> String {
    let day = date.formatted(.iso8601.year().month().day())
    if isBars { return day }
    let time = date.formatted(.iso8601.time(includingFractionalSeconds: false))
    return to.timeIntervalSince(from) > 86_400 ? "\(day) \(time.prefix(5))" : time
  }
}
