import Backfill
import Foundation
import Logging

/// Holds a run while a bound of the job's `gentle` is passed. What can't be read is said once, and holds nothing.
actor GaugeKeeper {
  private let gauges: [Gauge]
  private let reader: GaugeReader
  private let steering: Steering
  private let logger: Logger
  /// The gauges that could not be read the last time.
  private var unreadable: Set<String> = []
  /// The gauge whose bound is passed.
  private var passed: String?

  private static let interval: Duration = .seconds(3)

  init(_ gauges: [Gauge], _ reader: GaugeReader, _ steering: Steering, _ logger: Logger) {
    self.gauges = gauges
    self.reader = reader
    self.steering = steering
    self.logger = logger
  }

  /// Looks every few seconds until its task is cancelled.
  func keep() async {
    while !Task.isCancelled {
      await look()
      try? await Task.sleep(for: Self.interval)
    }
    await reader.close()
  }

  /// Reads each gauge up to the first whose bound is passed.
  func look() async {
    for gauge in gauges {
      do {
        let reading = try await reader.read(gauge)
        if unreadable.remove(gauge.name) != nil { logger.notice("gentle.\(gauge.name): it can be read again") }
        if let reason = gauge.reason(for: reading) { return hold(gauge, reason) }
      } catch let error as GaugeReader.Unreadable {
        if unreadable.insert(gauge.name).inserted {
          logger.warning("gentle.\(gauge.name): \(error.reason); it pauses nothing until it can be read")
        }
      } catch {
        // The run is over.
        return
      }
    }
    guard passed != nil else { return }
    passed = nil
    steering.change { $0.gentle = nil }
    logger.notice("gentle: going on")
  }

  private func hold(_ gauge: Gauge, _ reason: String) {
    steering.change { $0.gentle = reason }
    guard passed != gauge.name else { return }
    passed = gauge.name
    logger.notice("gentle: waiting: \(reason)")
  }
}
