import Foundation
import Monitoring

/// The file whose text Kubernetes shows as a container's termination message.
enum TerminationLog {
  /// The file's most bytes, as Kubernetes keeps them.
  private static let mostBytes = 4096

  /// In Kubernetes its default place, or where `VECFILL_TERMINATION_LOG` says; nil elsewhere.
  static func path(_ environment: [String: String]) -> String? {
    if let path = environment["VECFILL_TERMINATION_LOG"] { return path.isEmpty ? nil : path }
    return environment["KUBERNETES_SERVICE_HOST"] == nil ? nil : "/dev/termination-log"
  }

  /// Throws a `Failure` where the file is another's, which would be lost.
  static func check(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    if let path = path(environment) { try OwnFile.termination.check(path) }
  }

  /// Writes a line where the file is there: a pod may have it elsewhere.
  static func write(_ line: String, _ environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard let path = path(environment), (try? OwnFile.termination.check(path)) != nil else { return }
    let file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
    guard file >= 0 else { return }
    let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
    try? handle.write(contentsOf: Data("vecfill: \(line)\n".utf8.prefix(mostBytes)))
  }
}
