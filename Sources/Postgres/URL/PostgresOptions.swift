import CPostgres

/// A connection string's options, as libpq reads them, with libpq's defaults from the environment.
struct PostgresOptions {
  private var values: [String: String] = [:]

  /// Throws a `Failure` that quotes nothing of `conninfo`.
  init(parsing conninfo: String) throws {
    // libpq's own complaint may quote a piece of a password.
    guard let parsed = PQconninfoParse(conninfo, nil) else {
      throw DatabaseURL.refusal("libpq doesn't understand it", DatabaseURL.form)
    }
    if let defaults = PQconndefaults() {
      take(defaults)
    }
    take(parsed)
  }

  /// The keywords that this libpq knows, by their keys as options.
  static let keywords: [String: String] = {
    guard let options = PQconndefaults() else { return [:] }
    defer { PQconninfoFree(options) }
    var keywords: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword.map({ String(cString: $0) }) {
      keywords[ConnectionOption(keyword, "").key] = keyword
      option += 1
    }
    return keywords
  }()

  /// This libpq's version, e.g. 15.18.
  static var libraryVersion: String { "\(PQlibVersion() / 10000).\(PQlibVersion() % 10000)" }
  static var majorVersion: Int32 { PQlibVersion() / 10000 }

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
      // The identity stands in ledgers as it ever was.
      let shown = withUser && host.contains(":") ? "[\(host)]" : "\(host)"
      return "\(shown):\(port.isEmpty ? "5432" : port)"
    }
    return "postgresql://\(withUser && !user.isEmpty ? user + "@" : "")\(places.joined(separator: ","))/\(database)"
  }
}
