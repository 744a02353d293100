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
    /// The URL, the proxy's URL or the CA file can't be used, or what answers doesn't speak HTTP.
    case misconfigured
    /// The task was cancelled.
    case cancelled
  }

  package let cause: Cause
  /// What happened and what to look at; it never holds a header or a body.
  package let reason: String
  /// Whether the request's last byte was handed to the connection. Until then it is no whole JSON document, and no
  /// server can have acted on it. A GET asks for no act, and counts as sent.
  package let wasSent: Bool
  /// Whether an earlier reply over the same connection could be used.
  package let isOfProvenConnection: Bool
}

extension HTTPFailure {
  /// Judges libcurl's result, which is not `CURLE_OK`.
  init(_ code: CURLcode, _ sight: Sight, wasSent: Bool, isOfProvenConnection: Bool) {
    // The body is asked for only once the connection, through TLS and any proxy, stands.
    let isConnected = sight.bodyWasAsked
    let (cause, reason): (Cause, String) =
      switch code {
      case CURLE_COULDNT_RESOLVE_HOST: (.unreachable, sight.unknownName)
      case CURLE_COULDNT_RESOLVE_PROXY: (.unreachable, "the proxy's name can't be resolved: check the setting of proxy")
      case CURLE_COULDNT_CONNECT: (.unreachable, sight.refusedConnection)
      case CURLE_PEER_FAILED_VERIFICATION: (.unreachable, sight.refusedCertificate)
      case CURLE_SSL_CONNECT_ERROR: (.unreachable, sight.failedHandshake)
      case CURLE_SSL_CACERT_BADFILE: (.misconfigured, "ca_file can't be read as certificates in PEM")
      case CURLE_URL_MALFORMAT: (.misconfigured, "the URL, or the proxy's, can't be read")
      case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY: (.misconfigured, sight.noHTTP)
      case CURLE_BAD_CONTENT_ENCODING: (.misconfigured, sight.unreadableEncoding)
      // libcurl takes what is longer than it reads for a lack of memory; since 8.6 it has a code of its own, 100.
      case _ where isConnected && (code == CURLE_OUT_OF_MEMORY || code.rawValue == 100 || sight.hasTooLongHeaders):
        (.interrupted, "the headers of the reply are too long: check any proxy or gateway before the provider")
      case CURLE_OPERATION_TIMEDOUT where isConnected: (.timedOut, "no whole reply came in time")
      case CURLE_OPERATION_TIMEDOUT: (.unreachable, sight.noConnectionInTime)
      case CURLE_GOT_NOTHING where isConnected: (.interrupted, sight.noReply)
      case CURLE_ABORTED_BY_CALLBACK: (.interrupted, "the file that is sent can't be read, or became shorter meanwhile")
      case CURLE_SEND_FAIL_REWIND: (.interrupted, "the connection was lost before a reply came")
      case CURLE_RECV_ERROR where isConnected: (.interrupted, "the connection was reset before the reply was complete")
      case CURLE_PARTIAL_FILE where isConnected: (.interrupted, "the reply ended early")
      case _ where isConnected:
        (.interrupted, "the connection was lost: \(String(cString: curl_easy_strerror(code)))")
      default: (.unreachable, sight.noTunnel ?? String(cString: curl_easy_strerror(code)))
      }
    self.init(cause: cause, reason: reason, wasSent: wasSent, isOfProvenConnection: isOfProvenConnection)
  }
}
