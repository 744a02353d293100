import Dispatch

/// Runs an actor's jobs on a dispatch queue of its own, so that a call that blocks holds no thread of the cooperative
/// pool.
package final class DispatchQueueExecutor: SerialExecutor {
  private let queue: DispatchQueue

  package init(label: String) {
    queue = DispatchQueue(label: label)
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}
