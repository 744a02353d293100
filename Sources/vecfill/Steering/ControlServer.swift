import Backfill
import FlyingFox
import FlyingSocks
import Foundation
import Glibc
import Logging
import Monitoring

/// Listens on a process's control socket, and passes on what is asked there.
struct ControlServer: Sendable {
  let job: Job
  /// The shard that is filled; nil for all of the job.
  let shard: Int?
  let steering: Steering
  let socket: ControlSocket
  let logger: Logger

  /// Runs `body` while the process can be asked; where no socket can be had, that is said and the run goes on without.
  func serving<Value>(_ body: () async throws -> Value) async throws -> Value {
    guard isReady() else { return try await body() }
    let lastAsked = Locked<ContinuousClock.Instant?>(nil)
    let server = HTTPServer(
      address: sockaddr_un.unix(path: socket.path), timeout: 5, pool: BoundedSockets(), logger: .disabled,
      handler: ClosureHTTPHandler { [self] in
        lastAsked.withLock { $0 = .now }
        return await answer($0)
      })
    let isOver = Locked(false)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await server.run()
        } catch {
          // It ends by an error, too, when it is stopped.
          if !isOver.withLock(\.self) { warn("it can't be listened on") }
        }
      }
      defer { group.cancelAll() }
      // What can't be listened on says so itself.
      if (try? await server.waitUntilListening(timeout: 2)) != nil { chmod(socket.path, 0o600) }
      func end() async {
        isOver.withLock { $0 = true }
        socket.remove()
        // FlyingFox waits for all of that time, so it is given only where an answer may still be under way.
        let isAnswering = lastAsked.withLock { $0.map { $0.duration(to: .now) < Self.answerTime } ?? false }
        await server.stop(timeout: isAnswering ? Self.answerTime / .seconds(1) : 0)
      }
      do {
        let value = try await body()
        await end()
        return value
      } catch {
        await end()
        throw error
      }
    }
  }

  /// How long an answer may take to leave when the run ends.
  private static let answerTime: Duration = .seconds(1)

  /// Makes the folder, which only this user may enter, and takes away what a killed process has left.
  private func isReady() -> Bool {
    guard !socket.isTooLong else {
      warn("its path has more than \(ControlSocket.mostBytes) bytes; set XDG_STATE_HOME to a shorter one")
      return false
    }
    do {
      try FileManager.default.createDirectory(
        atPath: (socket.path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      warn("its folder can't be made")
      return false
    }
    socket.remove()
    return true
  }

  private func warn(_ reason: String) {
    logger.warning("\(socket.path): \(reason); this run can't be paused, resumed or set by `vecfill`")
  }

  private func answer(_ request: HTTPRequest) async -> HTTPResponse {
    switch (request.method, request.path) {
    case (.GET, "/status"):
      return Self.response(
        ControlReport(
          job: job.name, pid: getpid(), shard: shard, hold: steering.hold, terms: steering.terms,
          progress: steering.progress, isBetweenRounds: steering.isBetweenRounds))
    case (.POST, "/pause"):
      let isNew = steering.change { $0.isPaused = true }
      return done(isNew ? "paused" : "is paused already", isNew)
    case (.POST, "/resume"):
      let isNew = steering.change { $0.isPaused = false }
      return done(isNew ? "resumed" : "is not paused", isNew)
    case (.POST, "/stop"):
      defer { steering.requests.add(.control) }
      return done("stopping", true)
    case (.POST, "/set"):
      do {
        let words = try JSONDecoder().decode([String].self, from: try await request.bodyData)
        let (terms, told) = try TermsChange.apply(
          words, to: steering.terms, hasPrice: job.model.usdPerMillionTokens != nil)
        steering.adjust(terms)
        return done(told, true)
      } catch {
        return Self.response(ControlAnswer(message: "\(error as? Failure ?? Self.unclear)"), .badRequest)
      }
    default:
      return Self.response(ControlAnswer(message: "\(Self.unclear)"), .notFound)
    }
  }

  private static let unclear = Failure(.usage, "the run", "does not understand what it is asked")

  private func done(_ message: String, _ isNew: Bool) -> HTTPResponse {
    if isNew { logger.notice("\(message), by a `vecfill` command") }
    return Self.response(ControlAnswer(message: message))
  }

  private static func response(_ value: some Encodable, _ status: HTTPStatusCode = .ok) -> HTTPResponse {
    let body = (try? JSONEncoder().encode(value)) ?? Data()
    return HTTPResponse(statusCode: status, headers: [.contentType: "application/json"], body: body)
  }
}
