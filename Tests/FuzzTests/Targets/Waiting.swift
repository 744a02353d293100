import Dispatch

/// Waits for asynchronous work. The work has a thread of its own, so that it goes on where all threads of Swift's pool wait.
enum Waiting {
  static func `for`<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
    let (ended, outcome) = (DispatchSemaphore(value: 0), Outcome<Value>())
    Task(executorPreference: Executor()) {
      do { outcome.result = .success(try await work()) } catch { outcome.result = .failure(error) }
      ended.signal()
    }
    ended.wait()
    guard let result = outcome.result else { throw Broken("nothing came of it") }
    return try result.get()
  }

  /// Written before the semaphore's signal, and read after it.
  private final class Outcome<Value>: @unchecked Sendable {
    var result: Result<Value, any Error>?
  }

  private final class Executor: TaskExecutor {
    private let queue = DispatchQueue(label: "vecfill.fuzz")

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
  }
}
