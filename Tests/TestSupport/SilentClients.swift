import Foundation

/// Connections to a server on this machine that say nothing.
package final class SilentClients: Sendable {
  private let descriptors: [Int32]

  /// - Parameter port: on 127.0.0.1.
  package init(_ count: Int, port: Int) throws {
    descriptors = try SilentClients.opened(count, AF_INET) { LoopbackAddress.connect($0, to: port) }
  }

  /// - Parameter path: of a Unix socket.
  package init(_ count: Int, path: String) throws {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw POSIXError(.ENAMETOOLONG) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    descriptors = try SilentClients.opened(count, AF_UNIX) { descriptor in
      withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
      }
    }
  }

  private static func opened(_ count: Int, _ family: Int32, _ connect: (Int32) -> Bool) throws -> [Int32] {
    var descriptors: [Int32] = []
    for _ in 0..<count {
      let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
      guard descriptor >= 0, connect(descriptor) else {
        let error = POSIXError(.init(rawValue: errno) ?? .EIO)
        for open in descriptors + [descriptor] { close(open) }
        throw error
      }
      descriptors.append(descriptor)
    }
    return descriptors
  }

  /// How many of them the server has ended.
  package var ended: Int {
    descriptors.count { descriptor in
      var byte: UInt8 = 0
      let read = recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
      return read == 0 || read < 0 && errno == ECONNRESET
    }
  }

  deinit {
    for descriptor in descriptors { close(descriptor) }
  }
}
