import Backfill
import Foundation

/// A file that is whole at any time: what is written takes the place of what was there, at once.
package struct WholeFile: Sendable {
  package let path: String
  private let kind: OwnFile

  package init(path: String, _ kind: OwnFile) {
    self.path = path
    self.kind = kind
  }

  /// Replaces the file's contents by `text`; to a stream it adds them. Everyone may read the file (0644). It blocks while
  /// it writes.
  ///
  /// Throws a `Failure` with `.localIO`, and with `.configuration` where the file is another's.
  package func write(_ text: String) throws(Failure) {
    guard !OwnFile.isStream(path) else { return try add(text) }
    try kind.check(path)
    let file = try openTemporary(temporary)
    let code = fchmod(file, 0o644) == 0 ? WholeFile.fill(file, text) : errno
    close(file)
    guard code == 0, rename(temporary, path) == 0 else {
      let reason = code == 0 ? errno : code
      unlink(temporary)
      throw failure(reason)
    }
  }

  /// Throws as `write` does where the file can't be written, and leaves it as it is.
  package func tryOut() throws(Failure) {
    guard !OwnFile.isStream(path) else { return try add("") }
    try kind.check(path)
    // Another process may be writing by the other name.
    let trial = "\(temporary).\(getpid())"
    close(try openTemporary(trial))
    unlink(trial)
  }

  /// Hidden, and not ending as the file does: who reads all files of the folder must not find it.
  private var temporary: String {
    let folder = (path as NSString).deletingLastPathComponent
    return (folder.isEmpty ? "." : folder) + "/.\((path as NSString).lastPathComponent).tmp"
  }

  private func openTemporary(_ temporary: String) throws(Failure) -> Int32 {
    // What a killed process left there, or a link that another has put there.
    unlink(temporary)
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failure(errno) }
    return file
  }

  private func add(_ text: String) throws(Failure) {
    let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard file >= 0 else { throw failure(errno) }
    let code = WholeFile.fill(file, text)
    close(file)
    guard code == 0 else { throw failure(code) }
  }

  /// Returns the error's number, 0 for none.
  private static func fill(_ file: Int32, _ text: String) -> Int32 {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return written == 0 ? EIO : errno }
      bytes = bytes.dropFirst(written)
    }
    return 0
  }

  private func failure(_ code: Int32) -> Failure {
    Failure(
      .localIO, path, "it can't be written: \(String(cString: strerror(code)))",
      remedy: code == ENOSPC ? "free some space" : "name a file in a folder that this user may write to")
  }
}
