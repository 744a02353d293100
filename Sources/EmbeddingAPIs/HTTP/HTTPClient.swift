import Backfill

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

    /// The defaults, with the CA file that `SSL_CERT_FILE` names: libcurl itself looks only at the system's.
    package init(environment: [String: String]) {
      self.init(caFile: environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 })
    }
  }

  private let loop: TransferLoop

  /// Throws a `Failure` with `.unavailable` where libcurl can't be set up.
  package init(_ options: Options = Options()) throws(Failure) {
    guard let loop = TransferLoop(options: options) else {
      throw Failure(.unavailable, "libcurl", "can't be initialised", remedy: "free some memory and run it again")
    }
    self.loop = loop
  }

  deinit {
    loop.stop()
  }

  /// Sends a request once and returns the whole reply, whatever its status.
  ///
  /// Cancelling the task ends the transfer at once.
  package func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
    let ticket = Ticket()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        ticket.take(continuation)
        loop.submit(request, ticket)
      }
    } onCancel: {
      ticket.cancel()
      loop.wake()
    }
    return try result.get()
  }
}

extension HTTPClient {
  /// What the asking task and the client's thread share of a request.
  final class Ticket: Sendable {
    private struct State {
      var isCancelled = false
      var continuation: CheckedContinuation<Result<HTTPResponse, HTTPFailure>, Never>?
    }

    private let state = Locked(State())

    var isCancelled: Bool { state.withLock(\.isCancelled) }

    func cancel() { state.withLock { $0.isCancelled = true } }

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
