import Foundation

/// What is at a path. A link is what it leads to.
package enum FileKind: Sendable {
  case missing, file, folder
  /// A device, a pipe or a socket: nothing that could be replaced, or read twice.
  case stream

  package init(at path: String) {
    var found = stat()
    guard stat(path, &found) == 0 else {
      self = .missing
      return
    }
    switch found.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    default: self = .stream
    }
  }
}
