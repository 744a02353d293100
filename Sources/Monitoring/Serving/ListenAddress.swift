import Backfill
import FlyingSocks
import Foundation

/// Where the metrics and the page are served.
package struct ListenAddress: Sendable, Equatable {
  /// An IP address; IPv6 without brackets.
  package let host: String
  /// 0 for any that is free.
  package let port: UInt16

  /// - Parameter text: `9464`, `:9464`, `127.0.0.1:9464`, `localhost:9464` or `[::1]:9464`; without an address it is loopback.
  package init?(_ text: String) {
    let colon = text.lastIndex(of: ":")
    let digits = colon.map { text[text.index(after: $0)...] } ?? text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits) else {
      return nil
    }
    var host = colon.map { String(text[..<$0]) } ?? ""
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      guard host.contains(":") else { return nil }
    } else if host.contains(":") {
      return nil
    }
    if host.isEmpty || host.lowercased() == "localhost" { host = "127.0.0.1" }
    guard ListenAddress.isIP(host) else { return nil }
    self.host = host
    self.port = port
  }

  package init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  var socketAddress: any SocketAddress {
    get throws {
      if host.contains(":") {
        try sockaddr_in6.inet6(ip6: host, port: port)
      } else {
        try sockaddr_in.inet(ip4: host, port: port)
      }
    }
  }

  /// Whether only processes on this machine can reach it.
  package var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

  /// Whether a request that names `host` in its header may be answered.
  ///
  /// A page of the web can have its own name resolved to 127.0.0.1 and then read what is served here; its name stands in
  /// the header. So on loopback only addresses and `localhost` are answered. On other addresses whoever the network lets
  /// through may read by any name, as a service's name in Kubernetes.
  package func accepts(hostHeader: String?) -> Bool {
    guard isLoopback else { return true }
    guard let header = hostHeader?.trimmingCharacters(in: .whitespaces).lowercased(), !header.isEmpty else {
      return false
    }
    let name: Substring
    if header.hasPrefix("[") {
      guard let end = header.firstIndex(of: "]") else { return false }
      name = header[header.index(after: header.startIndex)..<end]
    } else {
      name = header.prefix { $0 != ":" }
    }
    return name == "localhost" || ListenAddress.isIP(String(name))
  }

  private static func isIP(_ text: String) -> Bool {
    var (four, six) = (in_addr(), in6_addr())
    return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1
  }
}

extension ListenAddress: CustomStringConvertible {
  package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}
