import Foundation

import func CLinux.posix_spawn_file_actions_addclosefrom_np

/// Programs run as the user of the test clusters.
///
/// Not Foundation's `Process`: that one leaves a descriptor open in the child by which it sees its end, and the server
/// that `pg_ctl` starts would hold it, and every other one of this process, for as long as it runs.
enum PostgresProcess {
  /// postgres refuses to run as root.
  private static var asPostgres: [String] {
    getuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
  }

  /// A new folder that belongs to the user of the clusters: in memory where that is plentiful, otherwise under /tmp.
  ///
  /// A new database is 300 files, which cost 10 ms in memory and 150 ms on a disk.
  static func makeFolder() throws -> String {
    // Short, because a socket's path is.
    var template = Array("\(try hasMemoryForClusters() ? "/dev/shm" : "/tmp")/vecfill-pg-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw PostgresClusterError("mkdtemp: \(String(cString: strerror(errno)))") }
    let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    if getuid() == 0, chown(folder, 65534, 65534) != 0 {
      throw PostgresClusterError("chown \(folder): \(String(cString: strerror(errno)))")
    }
    return folder
  }

  /// Whether memory can hold the clusters of a whole run, which take less than 1 GB, and leave plenty.
  private static func hasMemoryForClusters() throws -> Bool {
    let needed = 4 << 30
    var disk = statvfs()
    guard statvfs("/dev/shm", &disk) == 0, Int(disk.f_bavail) * Int(disk.f_frsize) >= needed else { return false }
    let available = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8)
      .split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }?
      .split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return available.map { $0 << 10 >= needed } ?? false
  }

  /// Runs a program to its end, and throws unless it exits with 0.
  static func run(_ command: [String]) async throws {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    let pid = try spawn(command, standardInput: null)
    let status = await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: awaitEnd(of: pid)) }
    }
    guard status == 0 else { throw PostgresClusterError("\(command[0]) ended with wait status \(status)") }
  }

  /// Starts a shell script that outlives this process, however it ends: it reads to the end of its standard input,
  /// which comes when the handle that is returned is gone.
  static func guarding(_ script: String, _ arguments: String...) throws -> FileHandle {
    // Closed on exec from its birth: no other child may hold it open.
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw PostgresClusterError("socketpair: \(String(cString: strerror(errno)))")
    }
    defer { close(ends[0]) }
    let pid = try spawn(["sh", "-c", "trap '' HUP INT TERM; \(script)", "sh"] + arguments, standardInput: ends[0])
    // Swift Testing's exit tests turn in circles as long as any child is left unreaped.
    Thread.detachNewThread { _ = awaitEnd(of: pid) }
    return FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
  }

  /// Starts a program that reads `standardInput`, writes to nowhere and inherits nothing else.
  static func spawn(_ command: [String], standardInput: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    // Whatever another thread opens up to the fork is closed too: a `Process` of Foundation's whose socket a server held
    // would never be seen to end.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)
    // The other user may not be able to read this process's folder.
    let arguments = (["env", "-C", "/tmp"] + asPostgres + command).map { strdup($0) }
    defer { for argument in arguments { free(argument) } }
    // A dispatch thread blocks most signals, and a child would inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var pid: pid_t = 0
    let failure = posix_spawnp(&pid, "env", &actions, &attributes, arguments + [nil], environ)
    guard failure == 0 else { throw PostgresClusterError("\(command[0]): \(String(cString: strerror(failure)))") }
    return pid
  }

  private static func awaitEnd(of pid: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status
  }
}
