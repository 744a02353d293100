import CPostgres
import Foundation

/// PgBouncer with transaction pooling before a cluster, with so few server connections that its clients share them.
package final class PostgresPooler: Sendable {
  private static let program = "/usr/sbin/pgbouncer"

  package static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  private let port: Int
  private let lifeline: FileHandle

  package init(before cluster: PostgresCluster) async throws {
    port = try LoopbackAddress.freePort()
    let folder = try PostgresProcess.makeFolder()
    let settings = """
      [databases]
      * = host=127.0.0.1 port=\(cluster.port)
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = \(port)
      unix_socket_dir =
      auth_type = trust
      auth_file = \(folder)/users
      pool_mode = transaction
      default_pool_size = 3
      """
    try settings.write(toFile: "\(folder)/pgbouncer.ini", atomically: false, encoding: .utf8)
    try #""postgres" """#.write(toFile: "\(folder)/users", atomically: false, encoding: .utf8)
    lifeline = try PostgresProcess.guarding(
      #"trap - TERM; "$1" "$2/pgbouncer.ini" & trap '' TERM; cat; kill $!; wait; rm -rf "$2""#, Self.program, folder)
    let deadline = ContinuousClock.now + .seconds(20)
    while PQping(url(of: PostgresDatabase(port: cluster.port, name: "postgres"))) != PQPING_OK {
      guard ContinuousClock.now < deadline else { throw PostgresClusterError("pgbouncer does not answer") }
      await Task.yield()
    }
  }

  package func url(of database: PostgresDatabase) -> String {
    "postgresql://postgres@127.0.0.1:\(port)/\(database.name)"
  }
}
