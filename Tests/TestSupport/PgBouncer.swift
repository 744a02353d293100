import Foundation

/// A PgBouncer of a test's own before one database, ended with it.
package final class PgBouncer: Sendable {
  package enum Mode: String, Sendable {
    case session, transaction, statement
  }

  private static let program = "/usr/sbin/pgbouncer"

  package let url: String
  private let folder: TemporaryFolder
  private let pid: pid_t

  package init(before database: PostgresDatabase, mode: Mode, serverConnections: Int = 20) async throws {
    folder = try TemporaryFolder()
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let port = try LoopbackAddress.bind(listener)
    Foundation.close(listener)
    let settings = """
      [databases]
      \(database.name) = host=127.0.0.1 port=\(database.port) dbname=\(database.name) user=postgres
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = \(port)
      unix_socket_dir =
      auth_type = any
      pool_mode = \(mode.rawValue)
      default_pool_size = \(serverConnections)
      logfile = \(folder.file("pgbouncer.log"))
      """
    let file = folder.file("pgbouncer.ini")
    try Data(settings.utf8).write(to: URL(filePath: file))
    try Data().write(to: URL(filePath: folder.file("pgbouncer.log")))
    // The other user, as whom a root's test runs it, must be able to read and to write them.
    for (path, mode) in [(folder.path, 0o755), (file, 0o644), (folder.file("pgbouncer.log"), 0o666)] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { Foundation.close(null) }
    pid = try PostgresProcess.spawn([Self.program, "-q", file], standardInput: null)
    url = "postgresql://postgres@127.0.0.1:\(port)/\(database.name)"
    let pooled = PostgresDatabase(port: port, name: database.name)
    let deadline = ContinuousClock.now + .seconds(20)
    // In statement mode it refuses what PostgresDatabase sends as a script of more than one statement, but not this.
    while (try? await pooled.value("SELECT 1")) == nil {
      guard ContinuousClock.now < deadline else {
        throw PostgresClusterError("PgBouncer never listened on port \(port)")
      }
      await Task.yield()
    }
  }

  deinit {
    var status: Int32 = 0
    guard waitpid(pid, &status, WNOHANG) == 0 else {
      let log = try? String(contentsOfFile: folder.file("pgbouncer.log"), encoding: .utf8)
      return print("PgBouncer at \(url) had ended by itself, with status \(status): \(log ?? "")")
    }
    kill(pid, SIGKILL)
    waitpid(pid, &status, 0)
  }
}
