import Foundation

/// A library that takes the place of system calls in a process that is started with it in LD_PRELOAD, made by the system's C
/// compiler.
package final class PreloadedLibrary: Sendable {
  package static let compiler = "/usr/bin/cc"

  private let made: TemporaryFolder

  /// - Parameter source: the path of a C file.
  package init(of source: String) throws {
    made = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.compiler)
    process.arguments = ["-O1", "-shared", "-fPIC", "-o", made.file("library.so"), source, "-ldl"]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw POSIXError(.ENOEXEC) }
  }

  package var environment: [String: String] { ["LD_PRELOAD": made.file("library.so")] }
}
