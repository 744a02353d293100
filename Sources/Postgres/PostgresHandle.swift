import CPostgres
import Foundation

/// One `PGconn`, closed in `deinit`: the only place that sends, waits and judges what comes back.
///
/// Its calls block; the `PostgresConnection` that owns it runs them on a thread of its own. A wait ends within a tenth
/// of a second when the task is cancelled: the statement is then cancelled on the server, and its end is awaited.
/// A server from which nothing comes is asked over a second connection whether it still works on the statement; where
/// it doesn't, the connection is given up as a lost one.
final class PostgresHandle {
  let pointer: OpaquePointer
  private let noticeBuffer = NoticeBuffer()
  private var cancelRequest: CancelRequest?
  private var heedsCancellation = true
  private let conninfo: String
  /// Whether it is the second connection, which nobody asks for: it is given up where nothing comes.
  private let isQuestion: Bool
  private var silence = Silence(interval: .zero)

  /// Connects, trying libpq's hosts in their order, each for its `connect_timeout`.
  static func connect(to conninfo: String, applicationName: String) throws -> PostgresHandle {
    var hosts: PostgresHosts?
    while true {
      let handle = try PostgresHandle(to: conninfo, applicationName: applicationName, place: hosts?.options ?? [])
      guard let silence = try handle.finishConnecting() else { return handle }
      // libpq goes on to the next host where one refuses; where one is silent, that is left to its caller.
      guard let rest = PostgresHosts(of: handle.pointer).behind(handle.pointer) else { throw silence }
      hosts = rest
    }
  }

  /// Connects to one place alone, to ask for a statement of another connection.
  static func connect(
    to conninfo: String, applicationName: String, at place: [(String, String)]
  ) throws -> PostgresHandle {
    let handle = try PostgresHandle(
      to: conninfo, applicationName: applicationName, place: place, isQuestion: true)
    if let silence = try handle.finishConnecting() { throw silence }
    return handle
  }

  private init(
    to conninfo: String, applicationName: String, place: [(String, String)], isQuestion: Bool = false
  ) throws {
    self.conninfo = conninfo
    self.isQuestion = isQuestion
    // Before `dbname` stand defaults that the connection string overrides, behind it what it can't.
    let options: [(String, String)] =
      [
        ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
        ("tcp_user_timeout", "20000"), ("dbname", conninfo), ("client_encoding", "UTF8"),
        ("application_name", applicationName),
      ] + place
    let keywords = options.map { strdup($0.0) }
    let values = options.map { strdup($0.1) }
    defer { for string in keywords + values { free(string) } }
    let started = PQconnectStartParams(
      keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
    guard let started else { throw PostgresError(message: "libpq is out of memory", endsConnection: true) }
    pointer = started
    PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
    PQsetNoticeReceiver(
      pointer,
      { buffer, notice in
        guard let buffer else { return }
        Unmanaged<NoticeBuffer>.fromOpaque(buffer).takeUnretainedValue().append(PostgresError(result: notice))
      }, Unmanaged.passUnretained(noticeBuffer).toOpaque())
    guard PQstatus(pointer) != CONNECTION_BAD else { throw PostgresError(connection: pointer) }
  }

  deinit {
    PQfinish(pointer)
  }

  /// Returns nil once the connection stands, or an error where a host gave no answer in its time.
  private func finishConnecting() throws -> PostgresError? {
    var place = ""
    var deadline = ContinuousClock.now
    var next = PGRES_POLLING_WRITING
    while next != PGRES_POLLING_OK {
      guard next != PGRES_POLLING_FAILED else { throw PostgresError(connection: pointer) }
      if place != currentPlace {
        place = currentPlace
        deadline = .now + connectTimeout
      }
      while try poll(next == PGRES_POLLING_READING ? POLLIN : POLLOUT) == 0 {
        if Task.isCancelled { throw CancellationError() }
        guard ContinuousClock.now < deadline else {
          let host = PQhost(pointer).map { String(cString: $0) } ?? ""
          return PostgresError(message: "no answer from \(host) within \(connectTimeout)", endsConnection: true)
        }
      }
      next = PQconnectPoll(pointer)
    }
    PQsetnonblocking(pointer, 1)
    return nil
  }

  /// Which address is being tried.
  private var currentPlace: String {
    [PQhost(pointer), PQhostaddr(pointer), PQport(pointer)].map { $0.map { String(cString: $0) } ?? "" }
      .joined(separator: " ")
  }

  /// libpq's `connect_timeout`, which it leaves to the caller here. The default is 10 s.
  private lazy var connectTimeout: Duration = {
    let seconds = PostgresHosts.options(of: pointer)["connect_timeout"].flatMap { Int($0) } ?? 0
    return .seconds(seconds > 0 ? seconds : 10)
  }()

  /// How long nothing may come before the server is asked: libpq's `tcp_user_timeout`. The default is 20 s.
  private lazy var silenceInterval: Duration = {
    if isQuestion { return SilenceQuestion.mostSilence }
    let milliseconds = PostgresHosts.options(of: pointer)["tcp_user_timeout"].flatMap { Int($0) } ?? 0
    return milliseconds > 0 ? max(.milliseconds(milliseconds), .seconds(1)) : .seconds(20)
  }()

  /// The notices since the last call, the newest hundred at most.
  func takeNotices() -> [PostgresError] { noticeBuffer.take() }

  /// Whether the server still holds the other end, as far as this end was told; for an idle connection.
  var isAlive: Bool {
    var watched = pollfd(fd: PQsocket(pointer), events: Int16(POLLIN), revents: 0)
    while PQstatus(pointer) == CONNECTION_OK, Foundation.poll(&watched, 1, 0) > 0 {
      guard PQconsumeInput(pointer) == 1 else { return false }
    }
    return PQstatus(pointer) == CONNECTION_OK
  }
}

extension PostgresHandle {
  /// Waits for a notification, at most for `time`; false where none came. A cancelled task's wait ends within half a second.
  func waitForNotification(atMost time: Duration) throws -> Bool {
    let deadline = ContinuousClock.now + time
    while true {
      if takeNotifications() { return true }
      if Task.isCancelled { throw CancellationError() }
      let left = deadline - .now
      guard left > .zero else { return false }
      var watched = pollfd(fd: PQsocket(pointer), events: Int16(POLLIN), revents: 0)
      if Foundation.poll(&watched, 1, Int32(min(left, .milliseconds(500)) / .milliseconds(1)) + 1) > 0 {
        try check(PQconsumeInput(pointer))
      }
    }
  }

  private func takeNotifications() -> Bool {
    var isAny = false
    while let notification = PQnotifies(pointer) {
      PQfreemem(notification)
      isAny = true
    }
    return isAny
  }

  /// Sends by `send`, one of libpq's calls that return 1, and gathers every result up to the end.
  func run(heedingCancellation: Bool = true, _ send: (OpaquePointer) -> Int32) throws -> PostgresResult {
    try begin(heedingCancellation: heedingCancellation)
    try check(send(pointer))
    try flush()
    var last: PostgresResult?
    var failure: (any Error)?
    while let result = try nextResult() {
      do {
        last = try judge(result)
      } catch {
        failure = failure ?? error
        // A COPY would wait for data that nobody has, for ever.
        if [PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH].contains(PQresultStatus(result)) { throw error }
      }
    }
    if let failure { throw failure }
    guard let last else { throw PostgresError(connection: pointer) }
    return last
  }

  func begin(heedingCancellation: Bool = true) throws {
    heedsCancellation = heedingCancellation
    silence = Silence(interval: silenceInterval)
    // A request that is still on its way would cancel what comes now.
    if let cancelRequest, !cancelRequest.waitForEnd() { abandon() }
    cancelRequest = nil
    if heedsCancellation, Task.isCancelled { throw CancellationError() }
  }

  func check(_ status: Int32) throws {
    guard status == 1 else { throw PostgresError(connection: pointer) }
  }

  /// Sends all that libpq holds back, reading what comes in meanwhile so that neither side waits for the other.
  func flush() throws {
    while true {
      let left = PQflush(pointer)
      guard left >= 0 else { throw PostgresError(connection: pointer) }
      guard left > 0 else { return }
      if try wait(POLLIN | POLLOUT) & POLLIN != 0 { try check(PQconsumeInput(pointer)) }
    }
  }

  /// The next result of what was sent, not yet judged; nil at the end of a statement. `judge` takes it over.
  func nextResult() throws -> OpaquePointer? {
    while PQisBusy(pointer) == 1 {
      try wait(POLLIN)
      // Where the connection is lost, PQgetResult tells it with the server's own last words.
      guard PQconsumeInput(pointer) == 1 else { break }
    }
    return PQgetResult(pointer)
  }

  /// Judges a result's status: the one place.
  func judge(_ raw: OpaquePointer) throws -> PostgresResult {
    let result = PostgresResult(owning: raw)
    switch PQresultStatus(raw) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC:
      return result
    case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
      throw PostgresError(sqlState: "0A000", message: "COPY is not supported here", endsConnection: true)
    default:
      var error = PostgresError(result: raw)
      if cancelRequest != nil, error.sqlState == "57014" { throw CancellationError() }
      error.endsConnection = error.endsConnection || PQstatus(pointer) == CONNECTION_BAD
      throw error
    }
  }

  /// Waits for `events` on the socket, cancelling what runs once the task is cancelled.
  @discardableResult
  private func wait(_ events: Int32) throws -> Int32 {
    while true {
      let seen = try poll(events)
      if heedsCancellation, Task.isCancelled, seen == 0 || cancelRequest?.isOverdue != false { try cancel() }
      guard seen == 0 else {
        silence = Silence(interval: silenceInterval)
        return seen
      }
      try endSilence()
    }
  }

  /// Throws where nothing has come for too long.
  private func endSilence() throws {
    // A statement that has to end all the same, as a ROLLBACK, is left alone with a server that doesn't answer.
    if Task.isCancelled, !heedsCancellation, silence.duration > .seconds(2) {
      abandon()
      throw CancellationError()
    }
    guard silence.isDue() else { return }
    let seconds = Int(silence.duration / .seconds(1))
    let reason = isQuestion ? "" : silence.found(SilenceQuestion(of: pointer, conninfo).ask())
    guard let reason else { return }
    abandon()
    var error = PostgresError(
      message: "nothing came from the server for \(seconds) s" + (reason.isEmpty ? "" : ", \(reason)"),
      endsConnection: true)
    error.isOfSilence = true
    throw error
  }

  /// Waits a tenth of a second at most; 0 where nothing was seen.
  private func poll(_ events: Int32) throws -> Int32 {
    var watched = pollfd(fd: PQsocket(pointer), events: Int16(events), revents: 0)
    guard Foundation.poll(&watched, 1, 100) >= 0 || errno == EINTR else {
      throw PostgresError(message: "poll: \(String(cString: strerror(errno)))", endsConnection: true)
    }
    return Int32(watched.revents)
  }

  /// Asks the server to cancel what runs, again and again: in a pipeline the next statement follows. A server that
  /// doesn't heed it for 2 s is left alone with it.
  private func cancel() throws {
    if let cancelRequest {
      if cancelRequest.isOverdue {
        abandon()
        throw CancellationError()
      }
      cancelRequest.repeatIfEnded()
    } else if let request = CancelRequest(of: pointer) {
      cancelRequest = request
    } else {
      abandon()
      throw CancellationError()
    }
  }

  /// Ends the connection as a broken network would: the server rolls back what it was at.
  private func abandon() {
    shutdown(PQsocket(pointer), Int32(SHUT_RDWR))
  }
}

/// Where libpq's callback leaves notices; used only within calls of the handle that owns it.
private final class NoticeBuffer {
  private var notices: [PostgresError] = []

  func append(_ notice: PostgresError) {
    if notices.count == 100 { notices.removeFirst() }
    notices.append(notice)
  }

  func take() -> [PostgresError] {
    defer { notices = [] }
    return notices
  }
}
