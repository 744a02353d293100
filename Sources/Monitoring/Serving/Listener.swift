import Backfill
import FlyingFox
import FlyingSocks
import Foundation
import ServiceLifecycle

/// Serves the metrics, the health of a run and its page over HTTP, to read alone.
final class Listener: Service {
  /// With the port that was taken.
  let address: ListenAddress
  private let server: HTTPServer
  private let task: Task<Void, Never>

  /// Opens the socket, so that an address that can't be had is known before anything is paid.
  ///
  /// Throws a `Failure` with `.configuration`.
  init(_ wanted: ListenAddress, _ answers: Answers, sockets: BoundedSockets = BoundedSockets()) async throws {
    let (events, told) = AsyncStream<Result<Void, any Error>>.makeStream()
    // Answers are made at once; what takes longer is a client that doesn't read.
    let server = HTTPServer(
      config: .init(address: try wanted.socketAddress, timeout: 5, pool: sockets, logger: .disabled),
      handler: ClosureHTTPHandler { request in answers.answer(request, at: wanted) })
    let task = Task {
      do {
        try await server.run()
      } catch {
        told.yield(.failure(error))
      }
    }
    let wait = Task {
      do {
        try await server.waitUntilListening(timeout: 10)
        told.yield(.success(()))
      } catch {
        told.yield(.failure(error))
      }
    }
    var iterator = events.makeAsyncIterator()
    let first = await iterator.next()
    wait.cancel()
    if case .failure(let error)? = first {
      task.cancel()
      throw Listener.failure(error, wanted)
    }
    let port: UInt16? =
      switch await server.listeningAddress {
      case .ip4(_, let port)?, .ip6(_, let port)?: port
      default: nil
      }
    address = ListenAddress(host: wanted.host, port: port ?? wanted.port)
    self.server = server
    self.task = task
  }

  func run() async throws {
    try? await gracefulShutdown()
    // Long enough for an answer that is under way; the process waits for it.
    await server.stop(timeout: 0.1)
    task.cancel()
  }

  private static func failure(_ error: any Error, _ address: ListenAddress) -> Failure {
    let (reason, remedy): (String, String) =
      switch error as? SocketError {
      case .failed(_, EADDRINUSE, _): ("another process has that port", "name another one, or :0 for any that is free")
      case .failed(_, EACCES, _): ("this user may not take that port", "name one above 1023")
      case .failed(_, EADDRNOTAVAIL, _): ("this machine has no such address", "name one of its own, or 0.0.0.0 for all")
      default: ("it can't be listened at", "name another address, or leave --listen out")
      }
    return Failure(.configuration, "--listen \(address)", reason, remedy: remedy)
  }
}
