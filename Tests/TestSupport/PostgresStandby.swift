import Foundation

/// A standby of a test's cluster.
package struct PostgresStandby: Sendable {
  package let port: Int
  fileprivate let control: String
  fileprivate let data: String
  /// Its end ends the standby.
  private let lifeline: FileHandle

  init(port: Int, control: String, data: String, lifeline: FileHandle) {
    self.port = port
    self.control = control
    self.data = data
    self.lifeline = lifeline
  }

  /// Cuts it off: what the primary commits from now on it doesn't receive.
  package func cutOff() async throws {
    let own = PostgresDatabase(port: port, name: "postgres")
    _ = try await own.run("ALTER SYSTEM SET primary_conninfo = ''")
    _ = try await own.run("SELECT pg_reload_conf()")
    while try await !own.run("SELECT 1 FROM pg_stat_wal_receiver").isEmpty {
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// Makes it the primary.
  package func promote() async throws {
    try await PostgresProcess.run([control, "-D", data, "-w", "promote"])
  }
}
