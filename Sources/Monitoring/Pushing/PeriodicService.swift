import ServiceLifecycle

/// Does something every so often until its group is shut down, and once more then.
struct PeriodicService: Service {
  let interval: Duration
  let act: @Sendable (_ isLast: Bool) async -> Void

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while (try? await Task.sleep(for: interval)) != nil { await act(false) }
    }
    await act(true)
  }
}
