import Backfill

/// A reply's bytes on their way from the client's thread to a task, which may be slower: no more than `mostBytes` and one
/// piece wait here, and the transfer is held up then.
final class Inflow: Sendable {
  private struct State {
    var pieces: [[UInt8]] = []
    var byteCount = 0
    var isFull = false
    var isEnded = false
    var waiter: CheckedContinuation<Void, Never>?
    var loop: TransferLoop?
  }

  static let mostBytes = 4 << 20

  private let state = Locked(State())

  /// Whether bytes were refused since it had room.
  var isFull: Bool { state.withLock(\.isFull) }

  /// Tells which loop is woken when there is room again.
  func isFed(by loop: TransferLoop) { state.withLock { $0.loop = loop } }

  /// Takes the bytes; false where they must be offered again when it is no longer full.
  func offer(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let (isTaken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
      guard state.byteCount < Self.mostBytes else {
        state.isFull = true
        return (false, nil)
      }
      state.pieces.append(Array(bytes))
      state.byteCount += bytes.count
      defer { state.waiter = nil }
      return (true, state.waiter)
    }
    waiter?.resume()
    return isTaken
  }

  /// No more bytes come: the transfer has ended.
  func end() {
    let waiter = state.withLock { state in
      state.isEnded = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// All bytes that are there, once there are some; nil behind the last. Only one task may call it.
  func next() async -> [[UInt8]]? {
    while true {
      let (pieces, isEnded, full) = state.withLock { state in
        defer {
          state.pieces = []
          state.byteCount = 0
          state.isFull = false
        }
        return (state.pieces, state.isEnded, state.isFull ? state.loop : nil)
      }
      full?.wake()
      if !pieces.isEmpty { return pieces }
      if isEnded { return nil }
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          if !state.pieces.isEmpty || state.isEnded { return true }
          state.waiter = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    }
  }
}
