/// A PostgreSQL URL, taken apart here and not by libpq, which quotes pieces of what it can't read.
struct PostgresURL {
  /// Host, port, user, password and database under libpq's names, and then the options.
  private(set) var options: [ConnectionOption] = []

  /// - Parameters:
  ///   - rest: what stands behind "://".
  ///   - hostIsLocal: whether a missing host is this machine's TCP address, as for JDBC.
  init(_ rest: Substring, hostIsLocal: Bool = false) throws {
    let (authority, tail) = rest.cut(before: "/?#")
    let (path, query) = tail.cut(before: "?")
    let parts = authority.parts(at: "@")
    // A user or a password with a reserved character leaves an "@" where none can be, or ends the authority too soon.
    guard parts.count <= 2, !path.holds("@") else { throw DatabaseURL.unencodedPassword }
    guard !path.holds("#") else {
      throw query.holds("@")
        ? DatabaseURL.unencodedPassword : DatabaseURL.refusal("it holds a # as it is", "write it as %23")
    }
    let given = try Self.options(in: query.dropFirst())
    if parts.count == 2 { try takeUser(parts[0]) }
    try takeHosts(parts.last ?? "", given: given, hostIsLocal: hostIsLocal)
    guard let database = path.dropFirst().percentDecoded else {
      throw query.holds("@")
        ? DatabaseURL.unencodedPassword
        : DatabaseURL.refusal("its database's name has a % that encodes nothing", "write a % as %25")
    }
    if !database.isEmpty { options.append(ConnectionOption("dbname", database)) }
    options += given.filter { !["host", "port"].contains($0.name) }
  }

  /// JDBC's short form, e.g. "verse?user=u": a database of this machine.
  init(javaDatabase rest: Substring) throws {
    guard !rest.cut(before: "?").head.holds(":@") else { throw DatabaseURL.unencodedPassword }
    try self.init(rest.utf8.first == UInt8(ascii: "/") ? rest : "/\(rest)", hostIsLocal: true)
  }

  private mutating func takeUser(_ text: Substring) throws {
    let (user, password) = text.cut(before: ":")
    guard !text.holds("[]"), let user = user.percentDecoded, let password = password.dropFirst().percentDecoded else {
      throw DatabaseURL.unencodedPassword
    }
    if !user.isEmpty { options.append(ConnectionOption("user", user)) }
    if !password.isEmpty { options.append(ConnectionOption("password", password)) }
  }

  /// Hosts among the options win, as with libpq; SQLAlchemy names each in an option of its own, with its port.
  private mutating func takeHosts(_ text: Substring, given: [ConnectionOption], hostIsLocal: Bool) throws {
    var hosts: [String] = []
    var ports: [String] = []
    let optional = given.filter { $0.name == "host" }.flatMap { $0.value[...].parts(at: ",") }
    for place in text.parts(at: ",") where !text.isEmpty && optional.isEmpty {
      let (host, port) = try Self.hostAndPort(place)
      hosts.append(host)
      ports.append(port)
    }
    for place in optional {
      let (host, port) = place.cut(before: ":")
      let hasPort = port.utf8.count > 1 && port.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
      hosts.append(String(hasPort ? host : place))
      ports.append(hasPort ? String(port.dropFirst()) : "")
    }
    if hosts.allSatisfy(\.isEmpty), hostIsLocal { hosts = ["localhost"] }
    if !hosts.allSatisfy(\.isEmpty) { options.append(ConnectionOption("host", hosts.joined(separator: ","))) }
    if let port = given.last(where: { $0.name == "port" }) {
      options.append(port)
    } else if !ports.allSatisfy(\.isEmpty) {
      options.append(ConnectionOption("port", ports.joined(separator: ",")))
    }
  }

  private static func hostAndPort(_ text: Substring) throws -> (String, String) {
    let isBracketed = text.utf8.first == UInt8(ascii: "[")
    let (host, rest) = isBracketed ? text.dropFirst().cut(before: "]") : text.cut(before: ":")
    let port = isBracketed ? rest.dropFirst() : rest
    guard !isBracketed || !rest.isEmpty, port.isEmpty || port.utf8.first == UInt8(ascii: ":"),
      let decoded = host.percentDecoded
    else { throw DatabaseURL.unencodedPassword }
    return (decoded, String(port.dropFirst()))
  }

  /// The options behind the "?", in their order.
  private static func options(in query: Substring) throws -> [ConnectionOption] {
    var options: [ConnectionOption] = []
    for pair in query.parts(at: "&") where !pair.isEmpty {
      let (name, value) = pair.cut(before: "=")
      guard let name = name.percentDecoded, let value = value.dropFirst().percentDecoded else {
        throw DatabaseURL.unencodedPassword
      }
      // An "@" is at home in some options' values; in front of one that nobody knows it may end a password.
      let isDoubtful = query.holds("@") || options.contains(where: \.isSecret)
      options.append(ConnectionOption(name, value, isDoubtful: isDoubtful))
    }
    return options
  }
}
