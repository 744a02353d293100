import Configuration
import Foundation
import Monitoring

/// The file whose text Kubernetes shows as a container's termination message.
struct TerminationLog: Sendable {
  private let path: String

  /// The file's most bytes, as Kubernetes keeps them.
  private static let mostBytes = 4096

  /// In Kubernetes at its default place, or where `EndVariable.terminationLog` says; nil elsewhere.
  init?(_ variables: [String: String]) {
    if let path = variables[EndVariable.terminationLog.rawValue] {
      guard !path.isEmpty else { return nil }
      self.path = path
    } else {
      guard variables["KUBERNETES_SERVICE_HOST"] != nil else { return nil }
      path = "/dev/termination-log"
    }
  }

  /// Throws a `Failure` where the file is another's, which would be lost.
  func check() throws { try OwnFile.termination.check(path) }

  /// Writes a line where the file is there: a pod may have it elsewhere.
  func write(_ line: String) {
    guard (try? check()) != nil else { return }
    let file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
    guard file >= 0 else { return }
    let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
    try? handle.write(contentsOf: Data("vecfill: \(line)\n".utf8.prefix(TerminationLog.mostBytes)))
  }
}
