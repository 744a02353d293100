import ArgumentParser
import Backfill
import Configuration
import EmbeddingAPIs
import Foundation
import Ledger
import Logging
import Monitoring
import Postgres

extension MonitoringOptions {
  /// Runs `body`, the whole of `vecfill run`, while those watch it whom the options and OpenTelemetry's variables name.
  ///
  /// - Parameter body: gets who has to be told of the run; nil where nobody watches.
  func watching<Value>(
    _ job: Job, _ configuration: JobConfiguration, _ logger: Logger, _ body: (RunMonitor?) async throws -> Value
  ) async throws -> Value {
    let otlp = OTLPSettings(environment: ProcessContext.current().variables)
    for warning in otlp?.warnings ?? [] { logger.warning("\(warning)") }
    let pushes = otlp?.url.isEmpty == false
    guard listen != nil || metricsFile != nil || pushes else { return try await body(nil) }
    let monitor = RunMonitor(
      RunFacts(
        job: job.name, model: job.model.name, tables: job.sources.map(\.name),
        database: try? DatabaseURL(configuration.databaseURL().reveal()).identity, version: Build.version),
      lastSuccess: await lastSuccess(of: job, configuration))
    var watch = Watch(listen: listen, file: metricsFile.map { WholeFile(path: $0, .metrics) })
    if let otlp, pushes {
      let client = try HTTPClient(OTLPPusher.options(otlp, ProcessInfo.processInfo.environment))
      watch.otlp = OTLPPusher(otlp, monitor) {
        logger.warning("\($0)")
      } post: {
        await client.post($0, $1, $2)
      }
    }
    return try await watch.run(monitor) {
      logger.notice("\($0)")
    } warn: {
      logger.warning("\($0)")
    } exitCode: {
      if case .failure(let error) = $0 { Backfill.ExitCode(endingWith: error) } else { .complete }
    } _: {
      try await body(monitor)
    }
  }

  /// When a run of the job last ended complete. A ledger that can't be read is told by the run itself.
  private func lastSuccess(of job: Job, _ configuration: JobConfiguration) async -> Date? {
    guard let path = try? configuration.ledgerPath ?? StateFolder().ledger,
      let ledger = try? Ledger.openForReading(at: path)
    else { return nil }
    return try? await ledger.lastSuccess(of: job.name)
  }
}

extension OTLPPusher {
  static func options(_ settings: OTLPSettings, _ environment: [String: String]) -> HTTPClient.Options {
    var options = HTTPClient.Options(environment: environment)
    options.timeout = settings.timeout
    options.connectTimeout = min(options.connectTimeout, settings.timeout)
    return options
  }
}

extension HTTPClient {
  /// Posts once; returns the answer's status.
  fileprivate func post(_ url: String, _ headers: [(String, String)], _ body: Data) async -> Result<Int, Failure> {
    do {
      let headers = headers.map { (name: $0.0, value: $0.1) }
      var request = HTTPRequest(url: url, headers: headers, body: body, maxReplyBytes: 65_536)
      request.urlName = "OTEL_EXPORTER_OTLP_ENDPOINT"
      return .success(try await send(request).status)
    } catch {
      return .failure(Failure(.unavailable, "OTLP", error.reason))
    }
  }
}
