import FlyingSocks
import Foundation

extension EmbeddingsServer {
  /// A request as HTTP/1.1 has it.
  struct HTTPMessage: Sendable {
    let method: String
    let target: String
    /// By their names in lower case.
    let headers: [String: String]
    let body: Data

    var path: String { URLComponents(string: target)?.path ?? "" }

    var query: [String: String] {
      let items = URLComponents(string: target)?.queryItems ?? []
      return Dictionary(items.map { ($0.name, $0.value ?? "") }) { first, _ in first }
    }
  }

  /// The server's end of a connection: requests with a `Content-Length` one after the other, and raw bytes back.
  struct HTTPConnection {
    private let socket: AsyncSocket
    private var unread: [UInt8] = []

    init(_ socket: Socket, pool: some AsyncSocketPool) throws {
      self.socket = try AsyncSocket(socket: socket, pool: pool)
    }

    /// The next request; nil where the client has left.
    mutating func nextRequest() async throws -> HTTPMessage? {
      let blankLine = Array("\r\n\r\n".utf8)
      var headEnd: Int?
      while headEnd == nil {
        headEnd = unread.firstRange(of: blankLine)?.upperBound
        if headEnd == nil, try await !readMore() { return nil }
        // A TLS handshake, which is answered as servers of plain HTTP do.
        if unread.first == 0x16 {
          try await write(Data("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8))
          return nil
        }
      }
      guard let headEnd else { return nil }
      let lines = String(decoding: unread[..<headEnd], as: UTF8.self).split(separator: "\r\n")
      let words = lines.first?.split(separator: " ") ?? []
      guard words.count == 3 else { throw SocketError.disconnected }
      var headers: [String: String] = [:]
      for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { continue }
        headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
      }
      let end = headEnd + (headers["content-length"].flatMap { Int($0) } ?? 0)
      while unread.count < end { guard try await readMore() else { return nil } }
      defer { unread.removeFirst(end) }
      return HTTPMessage(
        method: String(words[0]), target: String(words[1]), headers: headers, body: Data(unread[headEnd..<end]))
    }

    func write(_ data: Data) async throws { try await socket.write(data) }

    /// Returns once the client has closed its end, or reset the connection.
    func untilDeparture() async throws {
      do {
        while true { _ = try await socket.read(atMost: 1) }
      } catch is SocketError {
        return
      }
    }

    func close() { try? socket.close() }

    /// Makes the close that follows a TCP reset.
    func reset() throws {
      var now = linger(l_onoff: 1, l_linger: 0)
      let size = socklen_t(MemoryLayout<linger>.size)
      guard setsockopt(socket.socket.file.rawValue, SOL_SOCKET, SO_LINGER, &now, size) == 0 else {
        throw SocketError.makeFailed("SO_LINGER")
      }
    }

    /// Whether anything came.
    private mutating func readMore() async throws -> Bool {
      do {
        unread += try await socket.read(atMost: 65_536)
        return true
      } catch SocketError.disconnected {
        return false
      }
    }
  }
}
