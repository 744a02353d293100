import Backfill
import Foundation
import Logging

/// Stops a run when its time is over, and holds one that follows outside of the job's hours.
struct Timekeeper: Sendable {
  let steering: Steering
  let logger: Logger

  private var plan: Steering.Plan { steering.plan }

  /// The longest wait without a look at the clock on the wall, which may be set meanwhile.
  private static let longestWait: TimeInterval = 30

  /// Takes up what is so already, so that a run that begins now knows it.
  func begin() {
    guard let hours = plan.hours, !hours.contains(Date()) else { return }
    if plan.follows { close(hours) } else { stop(.hours) }
  }

  /// Works until its task is cancelled.
  func keep() async {
    await withDiscardingTaskGroup { group in
      if let deadline = plan.deadline {
        group.addTask {
          if (try? await Task.sleep(until: deadline, clock: .continuous)) != nil { stop(.deadline) }
        }
      }
      if let until = plan.until {
        group.addTask { if await isOver(until) { stop(.until) } }
      }
      if let hours = plan.hours {
        group.addTask { await keep(hours) }
      }
    }
  }

  private func keep(_ hours: WorkHours) async {
    while await isOver(hours.nextChange(after: Date())) {
      if hours.contains(Date()) {
        if steering.change({ $0.hours = nil }) { logger.notice("within the job's hours, \(hours): going on") }
      } else if plan.follows {
        close(hours)
      } else {
        return stop(.hours)
      }
    }
  }

  private func close(_ hours: WorkHours) {
    if steering.change({ $0.hours = "outside its hours, \(hours)" }) {
      logger.notice("outside the job's hours, \(hours): waiting for them")
    }
  }

  private func stop(_ cause: StopCause) {
    logger.notice("\(cause.name): stopping")
    steering.requests.add(cause)
  }

  /// Waits for `date`; false where the task is cancelled.
  private func isOver(_ date: Date) async -> Bool {
    while true {
      let left = date.timeIntervalSinceNow
      guard left > 0 else { return true }
      guard (try? await Task.sleep(for: .seconds(min(left, Self.longestWait)))) != nil else { return false }
    }
  }
}
