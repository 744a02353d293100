import Foundation

/// Finds the values that libpq would refuse with a message that quotes them.
enum LibpqValueCheck {
  static let modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

  private static let words = [
    "sslmode": modes, "channel_binding": ["disable", "prefer", "require"],
    "gssencmode": ["disable", "prefer", "require"],
    "target_session_attrs": ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"],
    "sslcompression": ["0", "1"], "sslsni": ["0", "1"], "sslnegotiation": ["postgres", "direct"],
    "load_balance_hosts": ["disable", "random"], "sslcertmode": ["disable", "allow", "require"],
    "gssdelegation": ["0", "1"],
    "ssl_min_protocol_version": ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
    "ssl_max_protocol_version": ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
  ]

  private static let numbers = [
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
  ]

  /// Throws a `Failure` that names the keyword.
  static func check(_ values: [String: String]) throws {
    for (keyword, allowed) in words {
      guard let value = values[keyword], !value.isEmpty, !allowed.contains(value) else { continue }
      throw DatabaseURL.refusal(
        "its \(keyword) has a value that libpq doesn't know", "use one of \(allowed.joined(separator: ", "))")
    }
    for keyword in numbers {
      guard let value = values[keyword], Int32(value) == nil else { continue }
      throw DatabaseURL.refusal("its \(keyword) is no whole number", "give it in whole seconds, or leave it out")
    }
    if values["sslrootcert"] == "system", PostgresOptions.majorVersion < 16 {
      throw DatabaseURL.refusal(
        "sslrootcert=system needs libpq 16, and \(PostgresOptions.libraryVersion) is here",
        "name a file of certificates, e.g. /etc/ssl/certs/ca-certificates.crt")
    }
    try checkPlaces(values)
    // libpq takes a database's name that is a URL apart again.
    guard values["dbname"]?.contains("://") != true else {
      throw DatabaseURL.refusal("its database's name is a URL", DatabaseURL.form)
    }
    for (keyword, value) in values where keyword != "password" && value.unicodeScalars.contains(where: isControl) {
      throw DatabaseURL.refusal("its \(keyword) holds a control character", "leave it out")
    }
  }

  private static func checkPlaces(_ values: [String: String]) throws {
    let hosts = (values["host"] ?? "")[...].parts(at: ",")
    for host in hosts + (values["hostaddr"] ?? "")[...].parts(at: ",") where !isHost(host) {
      throw DatabaseURL.refusal(
        "its host holds a character that no host has", "percent-encode the password, e.g. %40 for @ and %2F for /")
    }
    guard let port = values["port"], !port.isEmpty else { return }
    let ports = port[...].parts(at: ",")
    guard ports.allSatisfy({ $0.isEmpty || (1...65535).contains(Int(digits: $0) ?? 0) }) else {
      let isNumber = ports.allSatisfy { Int(digits: $0) != nil }
      throw DatabaseURL.refusal(
        "its port is not a number from 1 to 65535",
        isNumber
          ? "give the server's port, 5432 as a rule"
          : "correct the port; if it is a part of the password, percent-encode that, e.g. %3A for : and %2F for /")
    }
    guard ports.count == 1 || ports.count == max(hosts.count, 1) else {
      throw DatabaseURL.refusal("it has more hosts or ports than the other", "give one port, or one for each host")
    }
  }

  private static func isHost(_ host: Substring) -> Bool {
    if host.utf8.first == UInt8(ascii: "/") { return !host.holds("@;") }
    return host.unicodeScalars.allSatisfy { scalar in
      scalar.properties.isAlphabetic || scalar.properties.numericType != nil || ".-_:%".unicodeScalars.contains(scalar)
        || scalar.properties.generalCategory == .nonspacingMark
    }
  }

  /// Whether it breaks a line or steers a terminal.
  static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control || ["\u{2028}", "\u{2029}"].contains(scalar)
  }
}

extension Int {
  /// A number written in decimal digits only.
  fileprivate init?(digits: Substring) {
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self.init(digits)
  }
}
