import Backfill
import Dispatch

/// Writes the metrics' file; what can't be written is said once, and the run goes on.
struct MetricsFileWriter: Sendable {
  let file: WholeFile
  let monitor: RunMonitor
  let warn: OneWarning
  private let queue = DispatchQueue(label: "vecfill.metrics-file")

  init(_ file: WholeFile, _ monitor: RunMonitor, _ warn: OneWarning) {
    self.file = file
    self.monitor = monitor
    self.warn = warn
  }

  func write() async {
    guard monitor.isTold else { return }
    let text = PrometheusText.write(monitor.families())
    do {
      try await handedOver { handover in
        queue.async { handover.resume(with: Result { try file.write(text) }) }
      }
    } catch {
      warn.say((error as? Failure).map { "metrics: \($0)" } ?? "the metrics file: \(type(of: error))")
    }
  }
}
