import Backfill
import Foundation

/// Reads the small text files that configuration consists of.
enum TextFile {
  /// Far above any job spec or catalogue.
  static let maximumBytes = 1 << 20

  /// The file's text without a byte order mark; its line endings are as they are.
  ///
  /// Throws a `Failure` that calls the file `shown`; `remedy` is for what is no such file.
  static func read(_ path: String, shown: String, remedy: String? = nil) throws(Failure) -> String {
    let kind = FileKind(at: path)
    switch kind {
    case .missing: throw Failure(.configuration, shown, "there is no such file", remedy: remedy ?? "correct its path")
    case .folder: throw Failure(.configuration, shown, "is a folder, not a file", remedy: remedy ?? "name a file in it")
    case .file, .stream: break
    }
    guard let bytes = bytes(of: path, kind) else {
      throw Failure(.configuration, shown, "can't be read", remedy: "check its permissions")
    }
    guard !bytes.starts(with: "SQLite format 3\0".utf8) else {
      throw Failure(
        .configuration, shown, "is a SQLite database, not a text file", remedy: remedy ?? "correct its path")
    }
    guard bytes.count <= maximumBytes else {
      throw Failure(
        .configuration, shown, "is larger than \(maximumBytes.grouped) bytes", remedy: "is it the right file?")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.configuration, shown, "is not UTF-8", remedy: "save it as UTF-8")
    }
    return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }

  /// What a pipe held is kept: it is gone once it is read, and a command may read its spec twice.
  private static let piped = Locked<[String: Data]>([:])

  /// nil where it can't be read; not much more than may be taken.
  private static func bytes(of path: String, _ kind: FileKind) -> Data? {
    if kind == .stream, let kept = piped.withLock({ $0[path] }) { return kept }
    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? file.close() }
    var bytes = Data()
    do {
      while bytes.count <= maximumBytes, let more = try file.read(upToCount: maximumBytes + 1 - bytes.count),
        !more.isEmpty
      { bytes += more }
    } catch {
      return nil
    }
    if kind == .stream { piped.withLock { $0[path] = bytes } }
    return bytes
  }
}
