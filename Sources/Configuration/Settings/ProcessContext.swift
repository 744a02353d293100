import Foundation

/// What of the process configuration depends on: its environment, its working folder and where its executable is.
package struct ProcessContext: Sendable {
  package var environment: [String: String]
  /// An absolute path.
  package var workingDirectory: String
  /// The executable's absolute path, without symbolic links; nil where it is unknown.
  package var executable: String?

  package init(environment: [String: String], workingDirectory: String, executable: String? = nil) {
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.executable = executable
  }

  package static func current() -> ProcessContext {
    ProcessContext(
      environment: ProcessInfo.processInfo.environment,
      workingDirectory: FileManager.default.currentDirectoryPath,
      executable: try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
  }

  /// The absolute form of `path`, taken from the working folder, with "~/" as the home folder.
  func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    if path.hasPrefix("~/"), let home = environment["HOME"] { return home + path.dropFirst(1) }
    return workingDirectory + "/" + path
  }

  /// `path` as a person reads it: from the working folder where it is inside.
  func shown(_ path: String) -> String {
    let folder = workingDirectory.hasSuffix("/") ? workingDirectory : workingDirectory + "/"
    return path.hasPrefix(folder) ? String(path.dropFirst(folder.count)) : path
  }

  /// The user's own catalogue, `vecfill/models.yaml` in the XDG configuration folder; nil where there is no home.
  var userCatalogue: String? {
    if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") { return folder + "/vecfill/models.yaml" }
    return environment["HOME"].map { $0 + "/.config/vecfill/models.yaml" }
  }
}

/// The environment holds secrets, so that a dump leaves it out (P10).
extension ProcessContext: CustomReflectable {
  package var customMirror: Mirror { Mirror(self, children: ["workingDirectory": workingDirectory]) }
}
