import Backfill
import Foundation

/// Reads the small text files that configuration consists of.
enum TextFile {
  /// Far above any job spec or catalogue.
  static let maximumBytes = 1 << 20

  /// The file's text without a byte order mark; its line endings are as they are.
  ///
  /// Throws a `Failure` that calls the file `shown`; `remedy` is for a file that is missing.
  static func read(_ path: String, shown: String, remedy: String? = nil) throws(Failure) -> String {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Failure(.configuration, shown, "there is no such file", remedy: remedy)
    }
    guard !isFolder.boolValue else {
      throw Failure(.configuration, shown, "is a folder, not a file", remedy: remedy)
    }
    let bytes: Data
    do {
      bytes = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw Failure(.configuration, shown, "can't be read", remedy: "check its permissions")
    }
    guard bytes.count <= maximumBytes else {
      throw Failure(.configuration, shown, "is larger than \(maximumBytes) bytes", remedy: "is it the right file?")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.configuration, shown, "is not UTF-8", remedy: "save it as UTF-8")
    }
    return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }
}
