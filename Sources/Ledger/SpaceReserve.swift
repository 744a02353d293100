import Backfill
import CLinux
import Foundation

/// Space on the ledger's disk that is held for replies which are under way.
///
/// A file without a name beside the ledger, so that it is gone with the process however that dies. Nothing is written to
/// it: it costs the disk one allocation each time that more is under way than ever before, and no sync.
final class SpaceReserve: Sendable {
  private struct State {
    /// What each request that is under way needs.
    var needs: [BatchID: Int] = [:]
    var descriptor: Int32 = -1
    var heldBytes = 0

    /// Twice what the replies have: once for them, and once for the journal that a change of the ledger needs meanwhile.
    var neededBytes: Int { 2 * needs.values.reduce(0, +) }
  }

  private let folder: String
  private let state = Locked(State())

  /// Space is held in steps of so many bytes.
  private static let step = 4 << 20

  /// - Parameter folder: where the ledger lives.
  init(in folder: String) {
    self.folder = folder
  }

  deinit { giveUp() }

  /// Holds what the reply to a request needs, `bytes` at most, together with those that are held already.
  ///
  /// Throws an `Exhausted` where the disk has not as much; then nothing more is held for it.
  func hold(_ bytes: Int, for id: BatchID) async throws {
    let isHeld = state.withLock { state in
      state.needs[id] = bytes
      return state.heldBytes >= state.neededBytes
    }
    guard !isHeld else { return }
    let code = await withCheckedContinuation { continuation in
      // A disk may take its time, which must not be the cooperative pool's.
      DispatchQueue.global().async { continuation.resume(returning: self.grow()) }
    }
    guard code != 0 else { return }
    let needed = state.withLock { state in
      defer { state.needs[id] = nil }
      return state.neededBytes
    }
    throw Exhausted(bytes: needed, errno: code)
  }

  /// The request of that number is over, or its reply is stored.
  func release(_ id: BatchID) {
    state.withLock { $0.needs[id] = nil }
  }

  /// Gives all space back to the disk; false where none was held.
  @discardableResult
  func giveUp() -> Bool {
    state.withLock { state in
      guard state.descriptor >= 0 else { return false }
      close(state.descriptor)
      (state.descriptor, state.heldBytes) = (-1, 0)
      return true
    }
  }

  /// The error number; 0 where as much is held as is needed.
  private func grow() -> Int32 {
    state.withLock { state in
      let needed = state.neededBytes
      guard state.heldBytes < needed else { return 0 }
      if state.descriptor < 0 {
        state.descriptor = vecfill_open_nameless(folder)
        guard state.descriptor >= 0 else { return errno }
      }
      let size = (needed + Self.step - 1) / Self.step * Self.step
      let code = posix_fallocate(state.descriptor, 0, off_t(size))
      // Some file systems keep the part that they could give.
      if code == 0 { state.heldBytes = size } else { ftruncate(state.descriptor, off_t(state.heldBytes)) }
      return code
    }
  }

  /// The disk has not as much space as the replies under way need.
  struct Exhausted: Error {
    let bytes: Int
    let errno: Int32
  }
}
