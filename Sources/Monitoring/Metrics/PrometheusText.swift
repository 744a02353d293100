/// Metrics in Prometheus' text format, version 0.0.4.
package enum PrometheusText {
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  package static func write(_ families: [MetricFamily]) -> String {
    var text = ""
    for family in families {
      let name = family.metric.rawValue
      text += "# HELP \(name) \(escaped(family.metric.meaning, quotes: false))\n"
      text += "# TYPE \(name) \(family.metric.kind.rawValue)\n"
      for series in family.series {
        switch series.value {
        case .number(let number): text += line(name, series.labels, number)
        case .latency(let latency): text += lines(name, series.labels, latency)
        }
      }
    }
    return text
  }

  private static func lines(_ name: String, _ labels: [MetricFamily.Label], _ latency: MetricFamily.Latency) -> String {
    var (text, sum) = ("", 0)
    for (bound, count) in zip(MetricFamily.Latency.bounds, latency.counts) {
      sum += count
      text += line(name + "_bucket", labels + [.init("le", number(bound))], Double(sum))
    }
    text += line(name + "_bucket", labels + [.init("le", "+Inf")], Double(latency.count))
    text += line(name + "_sum", labels, latency.sum)
    return text + line(name + "_count", labels, Double(latency.count))
  }

  private static func line(_ name: String, _ labels: [MetricFamily.Label], _ value: Double) -> String {
    let inside = labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",")
    return "\(name)\(inside.isEmpty ? "" : "{\(inside)}") \(number(value))\n"
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }

  /// By scalars: a carriage return and the line feed behind it are one character.
  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": escaped.append(contentsOf: "\\n".unicodeScalars)
      case "\"" where quotes: escaped.append(contentsOf: "\\\"".unicodeScalars)
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }
}
