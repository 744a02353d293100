import Backfill
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
      socket = Socket(file: .init(rawValue: try Self.renumbered(file)))
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
          let file = try Self.renumbered(socket.accept().file.rawValue)
          return try HTTPConnection(Socket(file: .init(rawValue: file)), pool: pool)
        } catch SocketError.blocked {
          try await pool.suspendSocket(socket, untilReadyFor: .read)
        }
      }
    }

    /// Refuses connections, and makes `accept` throw.
    func shutDown() { shutdown(socket.file.rawValue, Int32(SHUT_RDWR)) }

    func close() { try? socket.close() }

    /// Numbers of sockets lie so far apart in time that no pool has two sockets of one number.
    private static let numbers: Range<Int32> = {
      let most = Int32(clamping: min(sysconf(Int32(_SC_OPEN_MAX)), 16_384))
      return most / 2..<most - 64
    }()

    private static let last = Locked(numbers.lowerBound)

    /// The same socket under a number that was not in use for long, closed on exec.
    ///
    /// FlyingSocks forgets a socket only after it has resumed who waited for it. If that one closes the socket before, the
    /// pool goes on to take its number for watched, and a new socket of the same number would never be heard of.
    private static func renumbered(_ file: Int32) throws -> Int32 {
      let least = last.withLock { last in
        last = last + 1 < numbers.upperBound ? last + 1 : numbers.lowerBound
        return last
      }
      let other = fcntl(file, F_DUPFD_CLOEXEC, least)
      Foundation.close(file)
      guard other >= 0 else { throw SocketError.makeFailed("F_DUPFD_CLOEXEC") }
      return other
    }
  }
}
