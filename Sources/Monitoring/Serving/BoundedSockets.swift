import Backfill
import FlyingFox
import FlyingSocks
import Glibc

/// The sockets of a server that anybody may connect to, of which only so many stay open, and none for long without a byte.
///
/// FlyingFox bounds neither: clients that connect and say nothing would use up the process's descriptors, and with them
/// fail its run. A server waits for a socket through its pool, so that is the place for both bounds. A wait that is given
/// up ends in an error, at which FlyingFox closes the connection.
package struct BoundedSockets: AsyncSocketPool {
  /// Who may wait at once; one more gives up the one that has waited longest, so that a new client is always answered.
  package static let most = 64
  /// New clients that are taken at once, and the time before the next: those that have to give way are closed meanwhile.
  private static let queue: Int32 = 64
  private static let pause: Duration = .milliseconds(10)
  /// How long a client may send nothing, or read nothing of its answer.
  package static let patience: Duration = .seconds(30)

  private let base: any AsyncSocketPool
  private let most: Int
  private let patience: Duration
  private let waits = Locked(Waits())

  private struct Waits {
    var next = 0
    /// By their numbers: the least has waited longest.
    var all: [Int: Task<Void, any Error>] = [:]
  }

  package init(
    _ base: any AsyncSocketPool = HTTPServer.defaultPool(), most: Int = BoundedSockets.most,
    patience: Duration = BoundedSockets.patience
  ) {
    self.base = base
    self.most = most
    self.patience = patience
  }

  package func prepare() async throws { try await base.prepare() }

  package func run() async throws { try await base.run() }

  package func suspendSocket(_ socket: Socket, untilReadyFor events: Socket.Events) async throws {
    guard !BoundedSockets.isListening(socket) else {
      // What FlyingFox has begun to listen at with the longest queue there is gets a shorter one.
      listen(socket.file.rawValue, BoundedSockets.queue)
      try await base.suspendSocket(socket, untilReadyFor: events)
      return try await Task.sleep(for: BoundedSockets.pause)
    }
    let wait = Task { try await base.suspendSocket(socket, untilReadyFor: events) }
    let (number, longest) = add(wait)
    longest?.cancel()
    let limit = Task {
      try await Task.sleep(for: patience)
      wait.cancel()
    }
    defer {
      limit.cancel()
      waits.withLock { $0.all[number] = nil }
    }
    try await withTaskCancellationHandler {
      try await wait.value
    } onCancel: {
      wait.cancel()
    }
  }

  /// Returns the wait's number, and the one that has to give way to it.
  private func add(_ wait: Task<Void, any Error>) -> (number: Int, longest: Task<Void, any Error>?) {
    waits.withLock { waits in
      let number = waits.next
      waits.next += 1
      waits.all[number] = wait
      guard waits.all.count > most, let longest = waits.all.keys.min() else { return (number, nil) }
      return (number, waits.all.removeValue(forKey: longest))
    }
  }

  private static func isListening(_ socket: Socket) -> Bool {
    var (value, length): (Int32, socklen_t) = (0, socklen_t(MemoryLayout<Int32>.size))
    return getsockopt(socket.file.rawValue, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value != 0
  }
}
