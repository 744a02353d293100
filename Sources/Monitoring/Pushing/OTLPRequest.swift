import Foundation

/// Metrics as OTLP/HTTP takes them in JSON: an `ExportMetricsServiceRequest`, each sum since the process began.
package struct OTLPRequest: Encodable {
  private let resourceMetrics: [ResourceMetrics]

  /// - Parameters:
  ///   - start: when the sums began.
  package init(
    _ families: [MetricFamily], resource: [String: String], version: String, start: Date, now: Date
  ) {
    let times = Times(startTimeUnixNano: Self.nanoseconds(start), timeUnixNano: Self.nanoseconds(now))
    let scope = ScopeMetrics(
      scope: Scope(name: "vecfill", version: version), metrics: families.map { Entry($0, times) })
    let attributes = resource.sorted { $0.key < $1.key }.map { Attribute($0.key, $0.value) }
    resourceMetrics = [ResourceMetrics(resource: Resource(attributes: attributes), scopeMetrics: [scope])]
  }

  package func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return try encoder.encode(self)
  }

  private static func nanoseconds(_ date: Date) -> String {
    "\(UInt64(max(0, date.timeIntervalSince1970) * 1e6) * 1_000)"
  }
}

extension OTLPRequest {
  private struct ResourceMetrics: Encodable {
    let resource: Resource
    let scopeMetrics: [ScopeMetrics]
  }

  private struct Resource: Encodable {
    let attributes: [Attribute]
  }

  private struct ScopeMetrics: Encodable {
    let scope: Scope
    let metrics: [Entry]
  }

  private struct Scope: Encodable {
    let name: String
    let version: String
  }

  private struct Attribute: Encodable {
    struct Text: Encodable {
      let stringValue: String
    }

    let key: String
    let value: Text

    init(_ key: String, _ value: String) {
      self.key = key
      self.value = Text(stringValue: value)
    }
  }

  private struct Times {
    let startTimeUnixNano: String
    let timeUnixNano: String
  }

  private struct Entry: Encodable {
    struct Numbers: Encodable {
      let dataPoints: [NumberPoint]
      var aggregationTemporality: Int?
      var isMonotonic: Bool?
    }

    struct Timings: Encodable {
      let dataPoints: [TimingPoint]
      let aggregationTemporality: Int
    }

    let name: String
    let description: String
    let unit: String
    var sum: Numbers?
    var gauge: Numbers?
    var histogram: Timings?

    /// AGGREGATION_TEMPORALITY_CUMULATIVE
    private static let cumulative = 2

    init(_ family: MetricFamily, _ times: Times) {
      name = family.metric.rawValue
      description = family.metric.meaning
      unit = family.metric.unit
      switch family.metric.kind {
      case .counter:
        sum = Numbers(
          dataPoints: family.series.compactMap { NumberPoint($0, times) }, aggregationTemporality: Self.cumulative,
          isMonotonic: true)
      case .gauge:
        gauge = Numbers(dataPoints: family.series.compactMap { NumberPoint($0, times) })
      case .histogram:
        histogram = Timings(
          dataPoints: family.series.compactMap { TimingPoint($0, times) }, aggregationTemporality: Self.cumulative)
      }
    }
  }

  private struct NumberPoint: Encodable {
    let attributes: [Attribute]
    let startTimeUnixNano: String
    let timeUnixNano: String
    let asDouble: Double

    init?(_ series: MetricFamily.Series, _ times: Times) {
      guard case .number(let number) = series.value else { return nil }
      attributes = series.labels.map { Attribute($0.name, $0.value) }
      startTimeUnixNano = times.startTimeUnixNano
      timeUnixNano = times.timeUnixNano
      asDouble = number
    }
  }

  private struct TimingPoint: Encodable {
    let attributes: [Attribute]
    let startTimeUnixNano: String
    let timeUnixNano: String
    let count: String
    let sum: Double
    let bucketCounts: [String]
    let explicitBounds: [Double]

    init?(_ series: MetricFamily.Series, _ times: Times) {
      guard case .latency(let latency) = series.value else { return nil }
      attributes = series.labels.map { Attribute($0.name, $0.value) }
      startTimeUnixNano = times.startTimeUnixNano
      timeUnixNano = times.timeUnixNano
      count = "\(latency.count)"
      sum = latency.sum
      bucketCounts = latency.counts.map { "\($0)" }
      explicitBounds = MetricFamily.Latency.bounds
    }
  }
}
