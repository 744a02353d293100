import Backfill
import Logging
import ServiceLifecycle

/// Services that go on beside a run, and are ended with it in the reverse order.
struct ServicesBeside: Sendable {
  private let group: ServiceGroup
  private let hasEnded: AsyncStream<Void>

  /// How long all of them may take to end; what takes longer is not waited for.
  private static let grace: Duration = .seconds(5)

  /// Returns once they have begun.
  init(_ services: [(name: String, service: any Service)]) async {
    let (begun, beginning) = AsyncStream<Void>.makeStream()
    let (hasEnded, ending) = AsyncStream<Void>.makeStream()
    let all = services + [(name: "beginning", service: Beginning(beginning))]
    var configuration = ServiceGroupConfiguration(
      services: all.map {
        .init(
          service: $0.service, successTerminationBehavior: .ignore, failureTerminationBehavior: .ignore,
          serviceName: $0.name)
      }, logger: Logger(label: "vecfill.monitoring") { _ in SwiftLogNoOpLogHandler() })
    configuration.maximumGracefulShutdownDuration = ServicesBeside.grace
    let group = ServiceGroup(configuration: configuration)
    self.group = group
    self.hasEnded = hasEnded
    // Not a child task: one that hangs must not keep the process from ending.
    Task {
      // That it was cancelled for taking too long.
      try? await group.run()
      ending.finish()
    }
    for await _ in begun {}
  }

  func end() async {
    await group.triggerGracefulShutdown()
    _ = await within(ServicesBeside.grace + .seconds(1)) { for await _ in hasEnded {} }
  }

  /// Tells that the group runs: one that was asked to end before would run none of its services.
  private struct Beginning: Service {
    let beginning: AsyncStream<Void>.Continuation

    init(_ beginning: AsyncStream<Void>.Continuation) {
      self.beginning = beginning
    }

    func run() async throws {
      beginning.finish()
      try await gracefulShutdown()
    }
  }
}
