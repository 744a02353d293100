import CPostgres
import Foundation

/// The hosts of a connection string, in the order in which they are tried.
struct PostgresHosts: Equatable {
  private var hosts: [String]
  private var addresses: [String]
  private var ports: [String]

  /// The hosts that `connection` was given, by its options, the environment and the service file together.
  init(of connection: OpaquePointer) {
    let options = Self.options(of: connection)
    func list(_ keyword: String) -> [String] {
      options[keyword].map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? []
    }
    (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"))
  }

  /// The non-empty options of a connection.
  static func options(of connection: OpaquePointer) -> [String: String] {
    guard let options = PQconninfo(connection) else { return [:] }
    defer { PQconninfoFree(options) }
    var found: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val, value.pointee != 0 { found[String(cString: keyword)] = String(cString: value) }
      option += 1
    }
    return found
  }

  private var count: Int { max(hosts.count, addresses.count) }

  /// Those behind the one that `connection` is trying; nil where it is the last.
  func behind(_ connection: OpaquePointer) -> PostgresHosts? {
    func text(_ value: UnsafeMutablePointer<CChar>?) -> String { value.map { String(cString: $0) } ?? "" }
    let (host, port) = (text(PQhost(connection)), text(PQport(connection)))
    let current = (0..<count).first { index in
      let name = hosts.indices.contains(index) && !hosts[index].isEmpty ? hosts[index] : addresses[index]
      let ownPort = ports.count == 1 ? ports[0] : ports.indices.contains(index) ? ports[index] : ""
      return name == host && (ownPort.isEmpty || ownPort == port)
    }
    guard let current, current + 1 < count else { return nil }
    var rest = self
    rest.hosts.removeFirst(min(current + 1, hosts.count))
    rest.addresses.removeFirst(min(current + 1, addresses.count))
    if ports.count > 1 { rest.ports.removeFirst(min(current + 1, ports.count)) }
    return rest
  }

  /// The options that name these hosts alone.
  var options: [(String, String)] {
    [("host", hosts), ("hostaddr", addresses), ("port", ports)].map { ($0.0, $0.1.joined(separator: ",")) }
  }
}
