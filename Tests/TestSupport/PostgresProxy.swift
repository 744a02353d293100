import Backfill
import Foundation

/// A loopback proxy to a PostgreSQL server, by which a test loses replies and connections when it wants to.
package final class PostgresProxy: Sendable {
  private struct State {
    var withholdsReplies = false
    /// The servers' sockets whose replies alone don't get through.
    var stalled: Set<Int32> = []
    var connections = 0
    var withheld = 0
    /// How many bytes each connection that comes lets through of what the server says, the next one last.
    var cuts: [Int] = []
    /// The connections that were cut so.
    var cutConnections = 0
    var sockets: [Int32] = []
  }

  package let port: Int
  private let serverPort: Int
  private let listener: Int32
  private let state = Locked(State())

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

  /// From now on, nothing that the server says gets through on the connections that there are; later ones are served.
  package func stallOpenConnections() { state.withLock { $0.stalled = Set($0.sockets) } }

  /// Lets replies through again on connections that come; what was withheld stays lost.
  package func serveNewConnections() {
    state.withLock { state in
      state.stalled = Set(state.sockets)
      state.withholdsReplies = false
    }
  }

  /// The connections so far.
  package var connections: Int { state.withLock(\.connections) }

  /// The replies, or pieces of one, that did not get through.
  package var withheld: Int { state.withLock(\.withheld) }

  /// Ends all connections, and lets replies through on those that come.
  package func cut() {
    state.withLock { state in
      for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
      state.withholdsReplies = false
    }
  }

  /// The connections that come end each after so many bytes of what the server says, in the middle of a message; those
  /// after them are served.
  package func cut(after bytes: [Int]) { state.withLock { $0.cuts = bytes.reversed() } }

  /// The connections that were cut after their bytes.
  package var cutConnections: Int { state.withLock(\.cutConnections) }

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
      let most = state.withLock { state in
        state.sockets += [client, server]
        state.connections += 1
        return state.cuts.popLast()
      }
      Thread.detachNewThread { [self] in forward(from: client, to: server, isReply: false) }
      Thread.detachNewThread { [self] in forward(from: server, to: client, isReply: true, most: most) }
    }
  }

  private func forward(from source: Int32, to destination: Int32, isReply: Bool, most: Int? = nil) {
    var left = most
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = read(source, &buffer, buffer.count)
      guard count > 0 else { break }
      let isWithheld = state.withLock { state in
        guard isReply, state.withholdsReplies || state.stalled.contains(source) else { return false }
        state.withheld += 1
        return true
      }
      if isWithheld { continue }
      if let rest = left, rest <= count {
        _ = send(destination, buffer, rest, Int32(MSG_NOSIGNAL))
        state.withLock { $0.cutConnections += 1 }
        break
      }
      left = left.map { $0 - count }
      guard send(destination, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
    }
    shutdown(source, Int32(SHUT_RDWR))
    shutdown(destination, Int32(SHUT_RDWR))
  }
}
