import Dispatch

/// Runs an actor's jobs on a dispatch queue of its own, so that a call that blocks holds no thread of the cooperative
/// pool.
final class DispatchQueueExecutor: SerialExecutor {
  private let queue: DispatchQueue

  init(label: String) {
    queue = DispatchQueue(label: label)
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}
