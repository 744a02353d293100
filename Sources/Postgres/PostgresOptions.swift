import CPostgres

/// A connection string's options, as libpq reads them, with libpq's defaults from the environment.
struct PostgresOptions {
  private var values: [String: String] = [:]

  init(parsing conninfo: String) throws {
    var complaint: UnsafeMutablePointer<CChar>?
    guard let parsed = PQconninfoParse(conninfo, &complaint) else {
      defer { PQfreemem(complaint) }
      throw DatabaseURL.refusal(
        complaint.flatMap { Self.harmless(String(cString: $0)) }
          ?? "it is neither a URL nor a keyword string that libpq understands",
        "use postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with percent-encoded parts")
    }
    if let defaults = PQconndefaults() {
      take(defaults)
    }
    take(parsed)
  }

  private mutating func take(_ options: UnsafeMutablePointer<PQconninfoOption>) {
    defer { PQconninfoFree(options) }
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        values[String(cString: keyword)] = String(cString: value)
      }
      option += 1
    }
  }

  /// libpq's complaint where it can quote no part of a password.
  private static func harmless(_ complaint: String) -> String? {
    guard complaint.hasPrefix("invalid URI query parameter") else { return nil }
    return complaint.split(whereSeparator: \.isNewline).first.map { "it has an \($0)" }
  }

  /// An option's value; nil where it is neither given nor defaulted.
  subscript(keyword: String) -> String? {
    values[keyword].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// "postgresql://user@host:port/database" without a password; more hosts than one stand separated by commas.
  func address(withUser: Bool) -> String {
    let user = self["user"] ?? ""
    let database = self["dbname"] ?? user
    if self["host"] == nil, self["hostaddr"] == nil, let service = self["service"] {
      return "postgresql:///?service=\(service)"
    }
    let hosts = (self["host"] ?? self["hostaddr"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
    let ports = (self["port"] ?? "5432").split(separator: ",", omittingEmptySubsequences: false)
    let places = hosts.enumerated().map { index, host in
      let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : "5432"
      return "\(host):\(port.isEmpty ? "5432" : port)"
    }
    return "postgresql://\(withUser && !user.isEmpty ? user + "@" : "")\(places.joined(separator: ","))/\(database)"
  }
}
