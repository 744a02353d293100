import CCurl

/// A request that brought no reply.
package struct HTTPFailure: Error, Equatable, Sendable {
  package enum Cause: Sendable {
    /// No connection: no such name, no route, refused, TLS refused, a proxy that refused, or none of it in time.
    case unreachable
    /// The connection was lost before the reply was complete.
    case interrupted
    /// The reply was not complete in time.
    case timedOut
    /// The URL, the proxy's URL or the CA file can't be used.
    case misconfigured
    /// The task was cancelled.
    case cancelled
  }

  package let cause: Cause
  /// What libcurl says of it; it never holds a header or a body.
  package let reason: String
  /// Whether the request's last byte was handed to the connection. Until then it is no whole JSON document, and no
  /// server can have acted on it. A GET asks for no act, and counts as sent.
  package let wasSent: Bool
}

extension HTTPFailure {
  /// Judges libcurl's result, which is not `CURLE_OK`.
  ///
  /// `detail` is the transfer's error buffer. It is used only for the failures to connect, where it names the host or
  /// the certificate's fault; elsewhere it could quote a proxy's URL with its password.
  init(_ code: CURLcode, detail: String, bodyWasAsked: Bool, wasSent: Bool) {
    var reason = String(cString: curl_easy_strerror(code))
    let cause: Cause
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION:
      cause = .unreachable
      if !detail.isEmpty { reason = detail }
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY:
      cause = .unreachable
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_SSL_CACERT_BADFILE:
      cause = .misconfigured
    case CURLE_SEND_FAIL_REWIND:
      cause = .interrupted
      reason = "The connection was lost before a reply came"
    case CURLE_OPERATION_TIMEDOUT:
      cause = bodyWasAsked ? .timedOut : .unreachable
    default:
      // The body is asked for only once the connection, through TLS and any proxy, stands.
      cause = bodyWasAsked ? .interrupted : .unreachable
    }
    self.init(cause: cause, reason: reason, wasSent: wasSent)
  }
}
