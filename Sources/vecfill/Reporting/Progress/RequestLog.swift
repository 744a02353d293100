import Backfill
import Logging
import Pipeline

/// Tells of the requests of a run: each that failed and is tried again, those of a kind together; with `-v` each one.
final class RequestLog: Sendable {
  private let logger: Logger
  private let provider: String
  private let repeats = Locked(RepeatedWarnings())
  private let began = ContinuousClock.now

  init(_ logger: Logger, provider: String) {
    self.logger = logger
    self.provider = provider
  }

  private var isVerbose: Bool { logger.logLevel <= .debug }

  func answered(inputs: Int, _ receipt: Conductor.Receipt) {
    guard isVerbose else { return }
    logger.tell(
      .debug, .request,
      "\(provider): \(inputs.of("input")), \(receipt.billedTokens.of("token")) in \(receipt.latency.seconds.fixed(2)) s",
      [
        "provider": .string(provider), "inputs": .integer(inputs), "tokens_billed": .integer(receipt.billedTokens),
        "seconds": .number(receipt.latency.seconds),
      ])
  }

  func failed(_ failure: EmbeddingFailure) {
    let isWarning = [.retry, .hold, .probe].contains(failure.kind.failureClass.reaction)
    guard isWarning || isVerbose else { return }
    let kind = "\(failure.kind) \(failure.status ?? 0)"
    let general = "\(provider): \(failure.reason)\(failure.status.map { " (status \($0))" } ?? "")"
    let isFirst = repeats.withLock { $0.add(kind, general, at: began.duration(to: .now)) }
    guard isFirst || isVerbose else { return }
    tell(
      isWarning ? .warning : .debug, "\(provider): \(failure.summary)", count: 1,
      [
        "class": .string("\(failure.kind)"), "status": JSONValue(failure.status), "code": JSONValue(failure.code),
        "reason": .string(failure.reason), "request_id": JSONValue(failure.requestID),
      ])
  }

  /// Tells what came again in the last minute, where it is over.
  func tellRepeats() { tell(repeats.withLock { $0.due(at: began.duration(to: .now)) }) }

  /// Tells what came again and wasn't told yet.
  func finish() { tell(repeats.withLock { $0.rest() }) }

  private func tell(_ repeated: [RepeatedWarnings.Repeated]) {
    guard !isVerbose else { return }
    for kind in repeated {
      tell(
        .warning, "\(kind.message), \(kind.count.of("time")) in the last minute", count: kind.count,
        ["class": .null, "status": .null, "code": .null, "reason": .string(kind.message), "request_id": .null])
    }
  }

  private func tell(_ level: Logger.Level, _ message: String, count: Int, _ fields: [String: JSONValue]) {
    let own: [String: JSONValue] = ["provider": .string(provider), "count": .integer(count)]
    logger.tell(level, .requestFailed, message, fields.merging(own) { own, _ in own })
  }
}
