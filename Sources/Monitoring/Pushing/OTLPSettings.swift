import Foundation

/// Where metrics are pushed to by OpenTelemetry's protocol, as its standard variables say.
package struct OTLPSettings: Sendable, Equatable {
  package var url: String
  /// May hold keys: never shown.
  package var headers: [String: String] = [:]
  /// Attributes of the resource, `service.name` among them.
  package var resource: [String: String] = ["service.name": "vecfill"]
  /// The default is 60 s.
  package var interval: Duration = .seconds(60)
  /// How long a push may take. The default is 10 s.
  package var timeout: Duration = .seconds(10)
  /// What a person should know of the variables; without their values.
  package var warnings: [String] = []

  /// nil where nothing is to be pushed.
  package init?(environment: [String: String]) {
    func value(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0]?.trimmingCharacters(in: .whitespaces) }.first { !$0.isEmpty }
    }
    guard value("OTEL_SDK_DISABLED")?.lowercased() != "true", value("OTEL_METRICS_EXPORTER")?.lowercased() != "none"
    else { return nil }
    if let whole = value("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") {
      url = whole
    } else if let base = value("OTEL_EXPORTER_OTLP_ENDPOINT") {
      url = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/v1/metrics"
    } else {
      return nil
    }
    if let text = value("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS") {
      headers = pairs(text, of: "OTEL_EXPORTER_OTLP_HEADERS")
    }
    if let text = value("OTEL_RESOURCE_ATTRIBUTES") {
      resource.merge(pairs(text, of: "OTEL_RESOURCE_ATTRIBUTES")) { $1 }
    }
    if let name = value("OTEL_SERVICE_NAME") { resource["service.name"] = name }
    if let text = value("OTEL_METRIC_EXPORT_INTERVAL") {
      interval = milliseconds(text, of: "OTEL_METRIC_EXPORT_INTERVAL") ?? interval
    }
    if let text = value("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT") {
      timeout = milliseconds(text, of: "OTEL_EXPORTER_OTLP_TIMEOUT") ?? timeout
    }
    guard let parts = URLComponents(string: url), ["http", "https"].contains(parts.scheme?.lowercased()),
      parts.host?.isEmpty == false
    else {
      warnings.append("OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL: no metrics are pushed")
      url = ""
      return
    }
    if value("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")?.lowercased() == "grpc" {
      warnings.append(
        "OTEL_EXPORTER_OTLP_PROTOCOL says grpc, and vecfill pushes JSON over HTTP: name the receiver's HTTP port, 4318 as a rule"
      )
    }
  }

  /// The receiver as it may be shown: without a password, a query or a path.
  package var receiver: String {
    guard let parts = URLComponents(string: url), let host = parts.host else { return "the OTLP receiver" }
    return host + (parts.port.map { ":\($0)" } ?? "")
  }

  /// `a=1,b=2`, each part percent-encoded; what is no pair is left out and said.
  private mutating func pairs(_ text: String, of variable: String) -> [String: String] {
    var found: [String: String] = [:]
    for part in text.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard sides.count == 2, let name = sides[0].removingPercentEncoding, !name.isEmpty,
        let value = sides[1].removingPercentEncoding, !(name + value).unicodeScalars.contains(where: { $0.value < 32 })
      else {
        warnings.append("\(variable) has a part that is no name=value; it is left out")
        continue
      }
      found[name] = value
    }
    return found
  }

  private mutating func milliseconds(_ text: String, of variable: String) -> Duration? {
    guard let number = Int(text), (1...86_400_000).contains(number) else {
      warnings.append("\(variable) is no number of milliseconds; the default holds")
      return nil
    }
    return .milliseconds(number)
  }
}
