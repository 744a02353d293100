import FlyingSocks
import Foundation

extension EmbeddingsServer {
  /// A listening socket on loopback, at a port that the system chose or that was asked for.
  ///
  /// Neither it nor its connections are handed on to a process that a test starts: a reset or a close must be one.
  struct Listener: Sendable, Equatable {
    let port: UInt16
    private let socket: Socket
    private let pool: any AsyncSocketPool

    static func == (a: Listener, b: Listener) -> Bool { a.socket.file == b.socket.file }

    init(pool: any AsyncSocketPool, port: UInt16 = 0) throws {
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
      let file = Foundation.socket(AF_INET, kind, 0)
      guard file >= 0 else { throw SocketError.makeFailed("socket") }
      socket = Socket(file: .init(rawValue: file))
      self.pool = pool
      // Connections that were open before a server came back hold on to its port.
      try socket.setValue(true, for: .localAddressReuse)
      try socket.bind(to: .inet(ip4: "127.0.0.1", port: port))
      try socket.listen()
      guard case .ip4(_, let port) = try socket.sockname() else { throw SocketError.unsupportedAddress }
      self.port = port
    }

    func accept() async throws -> HTTPConnection {
      while true {
        do {
          let file = try socket.accept().file
          guard fcntl(file.rawValue, F_SETFD, FD_CLOEXEC) == 0 else { throw SocketError.makeFailed("FD_CLOEXEC") }
          return try HTTPConnection(Socket(file: file), pool: pool)
        } catch SocketError.blocked {
          try await pool.suspendSocket(socket, untilReadyFor: .read)
        }
      }
    }

    /// Refuses connections, and makes `accept` throw.
    func shutDown() { shutdown(socket.file.rawValue, Int32(SHUT_RDWR)) }

    func close() { try? socket.close() }
  }
}
