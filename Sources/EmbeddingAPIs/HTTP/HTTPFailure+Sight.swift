import Foundation

extension HTTPFailure {
  /// What was seen of a request that brought no reply, and how an operator is told of it.
  struct Sight {
    private let place: String
    private let isPlain: Bool
    private let isProxyAtFault: Bool
    private let detail: String
    private let systemError: Int32
    private let encoding: String?
    private let urlName: String
    let bodyWasAsked: Bool

    /// `detail` is the transfer's error buffer. It is told only where it names a certificate's or a handshake's fault;
    /// elsewhere it could quote a proxy's URL with its password.
    ///
    /// - Parameters:
    ///   - mayUseProxy: whether a proxy is set for it.
    ///   - encoding: the reply's `Content-Encoding`.
    ///   - urlName: where its URL is set.
    init(
      url: String, detail: String, systemError: Int32, bodyWasAsked: Bool, mayUseProxy: Bool = true,
      encoding: String? = nil, urlName: String
    ) {
      let parts = URLComponents(string: url)
      let host = parts?.host ?? "the host"
      let port = parts?.port ?? (parts?.scheme?.lowercased() == "https" ? 443 : 80)
      isPlain = parts?.scheme?.lowercased() == "http"
      place = "\(host) at port \(port)"
      // libcurl names whom it could not connect to; what else can fail at a connection names nobody.
      let isElsewhere =
        detail.prefixMatch(of: /Failed to connect to .*? port (\d+)/).map {
          !$0.0.contains(host.trimmingCharacters(in: ["[", "]"])) || Int($0.1) != port
        } ?? false
      isProxyAtFault =
        mayUseProxy
        && (isElsewhere || ["Could not resolve proxy", "Unsupported proxy"].contains { detail.hasPrefix($0) })
      self.detail = detail
      self.systemError = systemError
      self.bodyWasAsked = bodyWasAsked
      self.encoding = encoding
      self.urlName = urlName
    }

    var unknownName: String { "no address is known for \(place): check the host's name in \(urlName), and DNS" }

    var refusedConnection: String {
      if isProxyAtFault {
        return "the proxy can't be reached: check the setting of proxy, and \(isPlain ? "http" : "https")_proxy"
      }
      return switch systemError {
      case ECONNREFUSED:
        "connection refused by \(place): check the port in \(urlName), and whether the server is running"
      case EHOSTUNREACH, ENETUNREACH: "there is no route to \(place): check the network"
      default: "no connection to \(place): check the host and the port in \(urlName), and the network"
      }
    }

    var noConnectionInTime: String {
      "no connection to \(place) in time: check the port in \(urlName), firewalls and proxies"
    }

    var refusedCertificate: String {
      let fault = detail.lowercased()
      if fault.contains("expired") {
        return "the certificate of \(place) has expired: renew it, or check this machine's clock"
      }
      if fault.contains("not yet valid") {
        return "the certificate of \(place) is not valid yet: check this machine's clock"
      }
      if fault.contains("subject name") || fault.contains("does not match") || fault.contains("hostname mismatch") {
        return "the certificate is for another host than \(place): check the host in \(urlName)"
      }
      let unknown = ["self-signed", "self signed", "local issuer", "unable to verify", "verification failed"]
      if unknown.contains(where: fault.contains) {
        return "the certificate of \(place) is signed by nobody known: name its CA's certificate in ca_file"
      }
      return "the certificate of \(place) was refused (\(told)): if its CA is your own, name it in ca_file"
    }

    var failedHandshake: String {
      let fault = detail.lowercased()
      let noTLS = [
        "wrong version number", "packet length too long", "record layer failure", "http request", "unknown protocol",
      ]
      if noTLS.contains(where: fault.contains) {
        return "\(place) doesn't speak TLS: does \(urlName) need http in place of https?"
      }
      return "no TLS connection to \(place) (\(told)): check the port in \(urlName), and whether it speaks https"
    }

    /// A server of TLS is often as silent to plain HTTP.
    var noReply: String {
      "the connection was closed without a reply" + (isPlain ? "; does \(urlName) need https?" : "")
    }

    /// Whether the reply's headers are longer than libcurl reads.
    var hasTooLongHeaders: Bool {
      let fault = detail.lowercased()
      return fault.contains("header") && ["reject", "too large", "too long"].contains(where: fault.contains)
    }

    var unreadableEncoding: String {
      let name = encoding.flatMap { $0.isPlainWord ? " \($0)" : nil } ?? ""
      return "the reply has the Content-Encoding\(name), which nobody asked for, and can't be read: "
        + "check any proxy or gateway before the provider"
    }

    var noHTTP: String { "\(place) doesn't answer in HTTP: does \(urlName) need https in place of http?" }

    /// What a proxy said to the wish for a tunnel, e.g. 407.
    var noTunnel: String? {
      detail.firstMatch(of: /(?:response|code) (\d{3})/).map {
        "the proxy refused a tunnel to \(place) with \($0.1): check the setting of proxy, and its password"
      }
    }

    private var told: String { detail.isEmpty ? "no detail" : String(detail.prefix(160)) }
  }
}
