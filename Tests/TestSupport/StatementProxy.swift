import Backfill
import Foundation

/// A loopback proxy to a PostgreSQL server that counts the statements of the first connection through it, and strikes when
/// one of them has been sent and its reply hasn't come.
package final class StatementProxy: Sendable {
  /// What is done at the chosen statement, given the client's process id as its application name tells it.
  package typealias Strike = @Sendable (_ clientPID: Int32) -> Void

  private struct State {
    var statements = 0
    var connections = 0
    var sockets: [Int32] = []
    var struck: String?
  }

  package let port: Int
  private let serverPort: Int
  private let listener: Int32
  private let chosen: Int
  private let strike: Strike
  private let state = Locked(State())

  /// - Parameter chosen: the statement at which to strike, counted from 1; one that never comes is never struck.
  package init(to serverPort: Int, strikingAt chosen: Int, _ strike: @escaping Strike) throws {
    self.serverPort = serverPort
    self.chosen = chosen
    self.strike = strike
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    port = try LoopbackAddress.bind(listener)
    guard listen(listener, 16) == 0 else { throw PostgresClusterError("listen: \(String(cString: strerror(errno)))") }
    Thread.detachNewThread { [self] in accept() }
  }

  deinit {
    Foundation.close(listener)
    state.withLock { for socket in $0.sockets { Foundation.close(socket) } }
  }

  package func close() {
    shutdown(listener, Int32(SHUT_RDWR))
    state.withLock { for socket in $0.sockets { shutdown(socket, Int32(SHUT_RDWR)) } }
  }

  /// The statements that the first connection has sent.
  package var statements: Int { state.withLock(\.statements) }

  /// The statement that was struck; nil where it never came.
  package var struck: String? { state.withLock(\.struck) }

  private func accept() {
    while true {
      let client = Foundation.accept(listener, nil, nil)
      guard client >= 0 else { return }
      let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      guard LoopbackAddress.connect(server, to: serverPort) else { return }
      for socket in [client, server] {
        // Otherwise each statement, forwarded part by part, waits for a delayed acknowledgement.
        var isOn: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
      }
      let isFirst = state.withLock { state in
        state.sockets += [client, server]
        state.connections += 1
        return state.connections == 1
      }
      Thread.detachNewThread { [self] in forward(from: client, to: server, isCounted: isFirst) }
      Thread.detachNewThread { [self] in pass(from: server, to: client) }
    }
  }

  private func pass(from source: Int32, to destination: Int32) {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while case let count = read(source, &buffer, buffer.count), count > 0 {
      guard send(destination, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
    }
    shutdown(source, Int32(SHUT_RDWR))
    shutdown(destination, Int32(SHUT_RDWR))
  }

  /// Forwards message by message: a start-up message has a length and no type, the others both.
  private func forward(from client: Int32, to server: Int32, isCounted: Bool) {
    var pid: Int32 = 0
    var isStarted = false
    var isChosen = false
    while let message = Self.message(from: client, typed: isStarted) {
      let type = isStarted ? message.first : nil
      if !isStarted { pid = Self.pid(in: message) }
      isStarted = true
      if isCounted, type == UInt8(ascii: "Q") || type == UInt8(ascii: "P") {
        isChosen = state.withLock { state in
          state.statements += 1
          guard state.statements == chosen else { return false }
          state.struck = String(decoding: message.dropFirst(5).filter { $0 != 0 }, as: UTF8.self)
          return true
        }
      }
      guard send(server, message, message.count, Int32(MSG_NOSIGNAL)) == message.count else { break }
      // A simple query is whole in itself, one in parts with its Sync.
      if isChosen, type == UInt8(ascii: "Q") || type == UInt8(ascii: "S") {
        isChosen = false
        strike(pid)
      }
    }
    shutdown(client, Int32(SHUT_RDWR))
    shutdown(server, Int32(SHUT_RDWR))
  }

  private static func message(from socket: Int32, typed: Bool) -> [UInt8]? {
    let head = typed ? 5 : 4
    guard var message = bytes(head, from: socket) else { return nil }
    let length = message[(head - 4)...].reduce(0) { $0 << 8 | Int($1) }
    guard let body = bytes(length - 4, from: socket) else { return nil }
    message += body
    return message
  }

  private static func bytes(_ count: Int, from socket: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = bytes.withUnsafeMutableBytes { recv(socket, $0.baseAddress?.advanced(by: done), count - done, 0) }
      guard got > 0 else { return nil }
      done += got
    }
    return bytes
  }

  /// The number behind "pid " in the start-up message's application name.
  private static func pid(in message: [UInt8]) -> Int32 {
    let text = String(decoding: message, as: UTF8.self)
    guard let match = text.firstMatch(of: #/pid (\d+)/#) else { return 0 }
    return Int32(match.1) ?? 0
  }
}
