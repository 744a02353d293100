import Backfill
import Foundation
import Pipeline
import Testing

@testable import Monitoring

struct OTLPSettingsTests {
  @Test(arguments: [
    [:], ["OTEL_EXPORTER_OTLP_ENDPOINT": ""], ["OTEL_EXPORTER_OTLP_ENDPOINT": " "],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318", "OTEL_SDK_DISABLED": "true"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318", "OTEL_METRICS_EXPORTER": "none"],
  ])
  func `nothing is pushed unless a receiver is named`(_ environment: [String: String]) {
    #expect(OTLPSettings(environment: environment) == nil)
  }

  @Test(arguments: [
    (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"], "http://h:4318/v1/metrics"),
    (["OTEL_EXPORTER_OTLP_ENDPOINT": "https://h/base/"], "https://h/base/v1/metrics"),
    (["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://h/own"], "http://h/own"),
    (
      ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://h/own", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other"],
      "http://h/own"
    ),
  ])
  func `a base gets the metrics' path, their own endpoint is taken as it is`(
    _ environment: [String: String], _ url: String
  ) {
    let settings = OTLPSettings(environment: environment)
    #expect(settings?.url == url)
    #expect(settings?.warnings == [])
  }

  @Test func `headers, resource, service name, interval and timeout are the standard ones`() throws {
    let settings = try #require(
      OTLPSettings(environment: [
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x = y=z",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment.environment=night%2Crun",
        "OTEL_SERVICE_NAME": "mine", "OTEL_METRIC_EXPORT_INTERVAL": "1500", "OTEL_EXPORTER_OTLP_TIMEOUT": "250",
      ]))
    #expect(settings.headers == ["api-key": "a b", "x": "y=z"])
    #expect(settings.resource == ["service.name": "mine", "deployment.environment": "night,run"])
    #expect(settings.interval == .milliseconds(1_500))
    #expect(settings.timeout == .milliseconds(250))
    #expect(settings.warnings == [])
  }

  @Test(arguments: [
    ["OTEL_EXPORTER_OTLP_HEADERS": "secret"], ["OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0asecret:x"],
    ["OTEL_EXPORTER_OTLP_HEADERS": "=secret"], ["OTEL_METRIC_EXPORT_INTERVAL": "secret"],
    ["OTEL_METRIC_EXPORT_INTERVAL": "-5"], ["OTEL_EXPORTER_OTLP_TIMEOUT": "0"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"], ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "secret:4317"],
  ])
  func `what can't be used is said without its value, and the rest holds`(_ odd: [String: String]) throws {
    let settings = try #require(
      OTLPSettings(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"].merging(odd) { $1 }))
    #expect(settings.warnings.count == 1)
    #expect(!settings.warnings.joined().contains("secret"))
    #expect(settings.headers == [:])
    #expect(settings.interval == .seconds(60))
    #expect(settings.timeout == .seconds(10))
  }

  @Test func `a receiver that doesn't answer is said once, without its password, and waited for no longer than told`()
    async throws
  {
    var settings = try #require(
      OTLPSettings(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:secret@h:4318?key=secret"]))
    settings.timeout = .milliseconds(50)
    let said = Locked<[String]>([])
    let calls = Locked(0)
    let givenUp = Locked(0)
    let monitor = monitor()
    let pusher = OTLPPusher(settings, monitor) { text in
      said.withLock { $0.append(text) }
    } post: { _, _, _ in
      calls.withLock { $0 += 1 }
      do { try await Task.sleep(for: .seconds(300)) } catch { givenUp.withLock { $0 += 1 } }
      return .success(200)
    }
    // As long as it waits for its locks, nothing is told.
    await pusher.push(isLast: false)
    #expect(calls.withLock { $0 } == 0)
    monitor.beginRound(ProgressBoard())
    await pusher.push(isLast: false)
    await pusher.push(isLast: true)
    #expect(calls.withLock { $0 } == 2)
    #expect(givenUp.withLock { $0 } == 2)
    #expect(said.withLock { $0 }.count == 1)
    #expect(!said.withLock { $0 }.joined().contains("secret"))
  }
}
