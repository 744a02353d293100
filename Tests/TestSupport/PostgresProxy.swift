import Foundation
import Synchronization

/// A loopback proxy to a PostgreSQL server, by which a test loses replies and connections when it wants to.
package final class PostgresProxy: Sendable {
  private struct State {
    var withholdsReplies = false
    var sockets: [Int32] = []
  }

  package let port: Int
  private let serverPort: Int
  private let listener: Int32
  private let state = Mutex(State())

  package init(to serverPort: Int) throws {
    self.serverPort = serverPort
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    port = try LoopbackAddress.bind(listener)
    guard listen(listener, 16) == 0 else { throw PostgresClusterError("listen: \(String(cString: strerror(errno)))") }
    Thread.detachNewThread { [self] in accept() }
  }

  /// All threads are gone by now: they hold the proxy.
  deinit {
    Foundation.close(listener)
    state.withLock { state in
      for socket in state.sockets { Foundation.close(socket) }
    }
  }

  /// Ends the proxy and its connections.
  package func close() {
    shutdown(listener, Int32(SHUT_RDWR))
    cut()
  }

  /// From now on, nothing that the server says gets through.
  package func withholdReplies() { state.withLock { $0.withholdsReplies = true } }

  /// Ends all connections, and lets replies through on those that come.
  package func cut() {
    state.withLock { state in
      for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
      state.withholdsReplies = false
    }
  }

  private func accept() {
    while true {
      let client = Foundation.accept(listener, nil, nil)
      guard client >= 0 else { return }
      let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      guard LoopbackAddress.connect(server, to: serverPort) else {
        Foundation.close(server)
        Foundation.close(client)
        continue
      }
      state.withLock { $0.sockets += [client, server] }
      Thread.detachNewThread { [self] in forward(from: client, to: server, isReply: false) }
      Thread.detachNewThread { [self] in forward(from: server, to: client, isReply: true) }
    }
  }

  private func forward(from source: Int32, to destination: Int32, isReply: Bool) {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = read(source, &buffer, buffer.count)
      guard count > 0 else { break }
      if isReply, state.withLock({ $0.withholdsReplies }) { continue }
      guard send(destination, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
    }
    shutdown(source, Int32(SHUT_RDWR))
    shutdown(destination, Int32(SHUT_RDWR))
  }
}

/// Sockets on 127.0.0.1.
enum LoopbackAddress {
  /// Binds to a free port, and returns it.
  static func bind(_ socket: Int32) throws -> Int {
    var address = at(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        Foundation.bind(socket, address, length) == 0 && getsockname(socket, address, &length) == 0
      }
    }
    guard bound else { throw PostgresClusterError("no free port: \(String(cString: strerror(errno)))") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  static func connect(_ socket: Int32, to port: Int) -> Bool {
    var address = at(port: port)
    return withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        Foundation.connect(socket, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func at(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = UInt16(port).bigEndian
    return address
  }
}
