import Backfill
import CLinux
import Foundation

/// What a command has printed, which may be kept in a file.
enum StandardOutput {
  /// Throws a `Failure` where not all of it was written. A reader that went away, as `head` does, wanted no more.
  static func check() throws(Failure) {
    var code: Int32 = 0
    guard vecfill_has_lost_output(&code) != 0, !hasLostReader else { return }
    let told = code == 0 ? "" : ": \(String(cString: strerror(code)))"
    throw Failure(
      .localIO, "standard output", "not all of it could be written\(told)",
      remedy: "free some space, or name another file; the command itself was done")
  }

  private static var hasLostReader: Bool {
    var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    return poll(&output, 1, 0) == 1 && output.revents & Int16(POLLERR | POLLHUP) != 0
  }
}
