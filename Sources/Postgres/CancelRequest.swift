import CPostgres
import Dispatch

/// A request to cancel what a connection's backend runs, sent over a connection of its own from another thread: on a
/// broken network, that connection may hang.
struct CancelRequest {
  // Unchecked: libpq lets a PGcancel be used on any thread, and only its last owner frees it.
  private final class Target: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
      self.pointer = pointer
    }

    deinit {
      PQfreeCancel(pointer)
    }
  }

  private let target: Target
  private let deadline = ContinuousClock.now + .seconds(2)
  private let underWay = DispatchGroup()

  /// Sends the request; nil where the connection is gone.
  init?(of connection: OpaquePointer) {
    guard let pointer = PQgetCancel(connection) else { return nil }
    target = Target(pointer)
    send()
  }

  private func send() {
    DispatchQueue.global().async(group: underWay) { [target] in
      var complaint = [CChar](repeating: 0, count: 256)
      // If it fails, the statement runs on, and the connection is given up in the end.
      _ = PQcancel(target.pointer, &complaint, Int32(complaint.count))
    }
  }

  /// Whether what runs should have ended by now.
  var isOverdue: Bool { ContinuousClock.now >= deadline }

  func repeatIfEnded() {
    if underWay.wait(timeout: .now()) == .success { send() }
  }

  /// Waits until no request is under way any more; false where that is not so in time.
  func waitForEnd() -> Bool { underWay.wait(timeout: .now() + .seconds(2)) == .success }
}
