import Backfill
import Foundation

/// Sends requests over libcurl, many at a time, on connections that are kept alive.
///
/// TLS is verified, HTTP/2 is used over TLS where the server offers it, redirects are not followed, nothing is sent
/// twice (see `Transfer`). Proxies are those of the environment (`https_proxy`, `all_proxy`, `no_proxy`) unless the
/// options name one. It can be used from any task; its thread and connections end with it.
package final class HTTPClient: Sendable {
  package struct Options: Sendable {
    /// How long names, TCP, proxy and TLS may take together. The default is 5 s.
    package var connectTimeout: Duration
    /// How long a request may take as a whole. The default is 120 s.
    package var timeout: Duration
    /// A proxy's URL, or "" for none. The default is what the environment says, as libcurl reads it.
    package var proxy: String?
    /// A file of CA certificates in PEM, in place of the system's. The default is the system's.
    package var caFile: String?

    package init(
      connectTimeout: Duration = .seconds(5), timeout: Duration = .seconds(120), proxy: String? = nil,
      caFile: String? = nil
    ) {
      self.connectTimeout = connectTimeout
      self.timeout = timeout
      self.proxy = proxy
      self.caFile = caFile
    }

    /// Whether requests to `url` may go through a proxy: one is named, here or in the environment.
    func mayUseProxy(
      for url: String, _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> Bool {
      if let proxy { return !proxy.isEmpty }
      let scheme = url.prefix { $0 != ":" }.lowercased()
      // libcurl reads no HTTP_PROXY: with CGI it would be a request's header.
      let names = ["\(scheme)_proxy", "all_proxy", "ALL_PROXY"] + (scheme == "https" ? ["HTTPS_PROXY"] : [])
      return names.contains { environment[$0]?.isEmpty == false }
    }

    /// The defaults, with the CA file that `SSL_CERT_FILE` names: libcurl itself looks only at the system's.
    package init(environment: [String: String]) {
      self.init(caFile: environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 })
    }
  }

  /// What no reply may be told with that quotes it.
  let proxySecrets: [String]
  private let options: Options
  private let loop: Locked<TransferLoop>

  /// Throws a `Failure` with `.unavailable` where libcurl can't be set up.
  package init(_ options: Options = Options()) throws(Failure) {
    guard let loop = TransferLoop(options: options) else {
      throw Failure(.unavailable, "libcurl", "can't be initialised", remedy: "free some memory and run it again")
    }
    self.options = options
    self.loop = Locked(loop)
    proxySecrets = options.proxySecrets()
  }

  deinit {
    loop.withLock { $0 }.stop()
  }

  /// Sends a request once and returns the whole reply, whatever its status.
  ///
  /// Cancelling the task ends the transfer at once.
  package func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
    let ticket = Ticket()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        ticket.take(continuation)
        // A loop stops only after another has taken its place.
        var current = loop.withLock { $0 }
        request.inflow?.isFed(by: current)
        while !current.submit(request, ticket) {
          current = loop.withLock { $0 }
          request.inflow?.isFed(by: current)
        }
        ticket.isAt(current)
      }
    } onCancel: {
      ticket.cancel()?.wake()
    }
    return try result.get()
  }

  /// Takes note that `response` can be used whole: its connection leads to a server that works.
  package func proveConnection(of response: HTTPResponse) {
    guard let connection = response.connection else { return }
    loop.withLock { if $0.generation == response.generation { $0.prove(connection: connection) } }
  }

  /// Uses none of the connections any more that were there when `response` came: one of them leads to a server whose
  /// replies can't be used, and behind a balancer a new one may lead to another. What is under way on them goes on.
  package func leaveConnections(of response: HTTPResponse) {
    loop.withLock { current in
      guard current.generation == response.generation,
        let next = TransferLoop(options: options, generation: current.generation + 1)
      else { return }
      current.retire()
      current = next
    }
  }
}

extension HTTPClient {
  /// What the asking task and the client's thread share of a request.
  final class Ticket: Sendable {
    private struct State {
      var isCancelled = false
      var loop: TransferLoop?
      var continuation: CheckedContinuation<Result<HTTPResponse, HTTPFailure>, Never>?
    }

    private let state = Locked(State())

    var isCancelled: Bool { state.withLock(\.isCancelled) }

    /// Marks the request, and returns the loop that must look for it.
    func cancel() -> TransferLoop? {
      state.withLock { state in
        state.isCancelled = true
        return state.loop
      }
    }

    /// Tells which loop has the request; it must look again where it was cancelled meanwhile.
    func isAt(_ loop: TransferLoop) {
      let isCancelled = state.withLock { state in
        state.loop = loop
        return state.isCancelled
      }
      if isCancelled { loop.wake() }
    }

    func take(_ continuation: CheckedContinuation<Result<HTTPResponse, HTTPFailure>, Never>) {
      state.withLock { $0.continuation = continuation }
    }

    /// Resumes the asking task with the first result; a later one is dropped.
    func resume(_ result: Result<HTTPResponse, HTTPFailure>) {
      let continuation = state.withLock { state in
        defer { state.continuation = nil }
        return state.continuation
      }
      continuation?.resume(returning: result)
    }
  }
}
