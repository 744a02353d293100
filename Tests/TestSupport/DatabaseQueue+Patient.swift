import GRDB

extension DatabaseQueue {
  /// A queue on a file that the code under test has open: it waits for its locks.
  package static func patient(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    return try DatabaseQueue(path: path, configuration: configuration)
  }
}
