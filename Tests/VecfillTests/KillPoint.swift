import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A place in the life of a run at which the kill matrix kills it. Each is held there from outside: by a lock in the
/// database, by a transaction on the ledger, or by the provider.
enum KillPoint: String, CaseIterable, Sendable {
  /// Before its first look at the table.
  case starting
  /// A page is being read.
  case reading
  /// A page was read, and its requests are not in the ledger.
  case read
  /// The provider has the request with which vectors of unknown origin are compared.
  case comparing
  /// Its reply is there, and is not in the ledger.
  case compared
  /// Requests are in the ledger, and the provider has seen none.
  case requested
  /// The provider has requests and has done nothing.
  case sent
  /// The provider has billed requests, and their replies stop halfway.
  case answering
  /// The provider fails each request, and they are tried again.
  case failing
  /// The provider asked to wait.
  case told
  /// A request that was refused for one of its texts was divided, and that text is asked for alone.
  case dividing
  /// That text is in quarantine, and others are in flight.
  case condemned
  /// Replies are there, and are not in the spool.
  case received
  /// They are in the spool, and no row is written.
  case spooled
  /// Within the transaction that writes rows.
  case writing
  /// In its COMMIT.
  case committing
  /// The rows are written, and their batch is not settled.
  case written
  /// Batches are settled, and others are in flight.
  case settled
  /// A row that was filled and edited since is asked for again.
  case edited
  /// It was asked to stop, and waits for its requests.
  case stopping
  /// The vector index is being dropped.
  case dropping
  /// The index is away, and rows are being filled.
  case away
  /// The index is being built again.
  case building

  /// A lock on an advisory number or a row holds it: only PostgreSQL has them.
  var needsPostgres: Bool {
    switch self {
    case .starting, .reading, .read, .writing, .committing, .dropping, .away, .building: true
    default: false
    }
  }

  var isIndexed: Bool { [.dropping, .away, .building].contains(self) }
}

/// A run that is on its way to a kill point.
struct KillAttempt {
  let point: KillPoint
  let engine: ChatDatabase.Engine
  let scene: Scene
  /// Holds replies back until the kill.
  let gate: EmbeddingsServer.Gate
  /// Whether the provider is out of order, until the kill.
  let trouble: Locked<Bool>

  static func rules(
    _ point: KillPoint, _ gate: EmbeddingsServer.Gate, _ trouble: Locked<Bool>
  ) -> [EmbeddingsServer.Rule] {
    let refusal = EmbeddingsServer.Behaviour.respond(.error(400, type: "invalid_request_error", message: "not allowed"))
    let isInTrouble: @Sendable () -> Bool = { trouble.withLock { $0 } }
    switch point {
    case .comparing, .compared, .sent, .received, .stopping:
      return [.when(isInTrouble, .hold(gate, then: .answer))]
    case .answering: return [.when(isInTrouble, .stall(bodyBytes: 20))]
    case .failing: return [.when(isInTrouble, .respond(.error(503, type: "server_error")))]
    case .told:
      return [.when(isInTrouble, .respond(.error(429, type: "requests", headers: [("retry-after", "3")])))]
    case .dividing: return [.alone(with: "poison", .hold(gate, then: refusal)), .texts(with: "poison", refusal)]
    case .condemned: return [.texts(with: "poison", refusal), .texts(with: "slow", .hold(gate, then: .answer))]
    case .settled: return [.requests(4..<10_000, .hold(gate, then: .answer))]
    case .away: return [.requests(6..<10_000, .hold(gate, then: .answer))]
    case .edited: return [.texts(with: "revised", .hold(gate, then: .answer))]
    default: return []
    }
  }

  /// Makes the rows and the job.
  func prepare() async throws {
    var spec = scene.spec + "\nwriters: 2\n"
    var texts = (0..<80).map { "message \($0)" }
    switch point {
    case .dividing: texts[33] = "poison"
    case .condemned: (texts[3], texts[79]) = ("poison", "slow")
    case .edited: spec += "edits: digest\n"
    default: break
    }
    if point.isIndexed { spec += "index: {when: rebuild}\n" }
    if [.reading, .read].contains(point) {
      try await scene.database.run(
        """
        CREATE FUNCTION gate() RETURNS boolean LANGUAGE sql AS 'SELECT pg_advisory_xact_lock_shared(42); SELECT true'
        """)
      spec = spec.replacing("chat_messages\n  -", with: "chat_messages\n    where: gate()\n  -")
    }
    try scene.write(spec: spec)
    // A first run records the column: vectors that the application makes from then on need no comparison.
    if ![.comparing, .compared, .edited].contains(point) {
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
    }
    try await scene.database.insert(texts)
    switch point {
    case .comparing, .compared: try await BusyApplication.fill(scene, "WHERE id <= 10")
    case .writing, .committing:
      let timing = point == .writing ? "TRIGGER held BEFORE" : "CONSTRAINT TRIGGER held AFTER"
      try await scene.database.run(
        """
        CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END';
        CREATE \(timing) UPDATE ON chat_messages \(point == .writing ? "" : "DEFERRABLE INITIALLY DEFERRED")
        FOR EACH ROW WHEN (NEW.id = 7) EXECUTE FUNCTION held()
        """)
    case .edited:
      let migrated = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(migrated.code == 0, "\(migrated.errors)")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      try await scene.database.run("UPDATE chat_messages SET content = 'revised ' || id WHERE id IN (3, 17, 40)")
    default: break
    }
  }

  /// Starts a run, and returns it once it is at the point and waits there, with what holds it.
  func reach() async throws -> (process: VecfillProcess, holds: [Hold]) {
    let database = scene.database
    switch point {
    case .starting:
      return try await reach(["LOCK TABLE chat_messages IN ACCESS EXCLUSIVE MODE"]) { _ in
        try await waits(for: "relation")
      }
    case .reading, .writing, .committing:
      return try await reach(["SELECT pg_advisory_xact_lock(42)"]) { _ in try await waits(for: "advisory") }
    case .dropping:
      return try await reach(["LOCK TABLE chat_messages IN ROW EXCLUSIVE MODE"]) { _ in
        try await IndexScene.validity(of: scene).contains("f")
      }
    case .read:
      let (process, holds) = try await reach(["SELECT pg_advisory_xact_lock(42)"]) { _ in
        try await waits(for: "advisory")
      }
      let ledger = try Hold(writesTo: scene.ledgerPath)
      for hold in holds { hold.release() }
      try await scene.poll("the page") { try await scene.hasReadAPage() }
      return (process, [ledger])
    case .requested:
      let listener = try SilentListener()
      let process = try scene.start(["run", "job.yaml"], ["OPENAI_BASE_URL": "http://127.0.0.1:\(listener.port)/v1"])
      try await scene.wait { $0.totals.openRequests >= 1 }
      return (process, [])
    case .comparing, .sent: return try await reach { _ in scene.server.record.inFlight >= 1 }
    case .answering:
      return try await reach { _ in scene.server.record.inFlight >= 1 && scene.server.record.billed.count >= 1 }
    case .failing: return try await reach { _ in scene.server.record.requests.count >= 6 }
    case .told:
      return try await reach { _ in scene.server.record.requests.count >= 1 && scene.server.record.inFlight == 0 }
    case .dividing:
      return try await reach { _ in
        scene.server.record.requests.last?.digests.count == 1 && scene.server.record.inFlight >= 1
      }
    case .condemned:
      return try await reach { _ in
        try await scene.status()?.columns.first?.quarantined == 1 && scene.server.record.inFlight >= 1
      }
    case .compared, .received:
      let (process, _) = try await reach { _ in scene.server.record.inFlight >= 1 }
      let ledger = try Hold(writesTo: scene.ledgerPath)
      gate.open()
      try await scene.server.wait { $0.billed.count >= 1 && $0.inFlight == 0 }
      return (process, [ledger])
    case .spooled:
      let rows = try await KillTests.holdRows(of: scene, engine)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches >= 1 }
      return (process, [rows])
    case .written:
      let rows = try await KillTests.holdRows(of: scene, engine)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches >= 2 }
      let ledger = try Hold(writesTo: scene.ledgerPath)
      rows.release()
      try await scene.poll("the rows") { try await filled() >= 10 }
      return (process, [ledger])
    case .settled:
      return try await reach { _ in
        let totals = try await scene.status()?.totals
        return totals?.requests ?? 0 >= 1 && totals?.spooledBatches == 0 && scene.server.record.inFlight >= 1
      }
    case .edited: return try await reach { _ in scene.server.record.inFlight >= 1 }
    case .stopping:
      let (process, _) = try await reach { _ in scene.server.record.inFlight >= 1 }
      process.send(SIGTERM)
      try await scene.poll("the stop") { process.errors.contains("stopping") }
      return (process, [])
    case .away:
      return try await reach { _ in
        let indexes = try await IndexScene.validity(of: scene)
        return try await filled() >= 10 && indexes.count < 2 && scene.server.record.inFlight >= 1
      }
    case .building:
      let (process, _) = try await reach { _ in try await filled() >= 10 }
      let table = try Hold("LOCK TABLE chat_messages IN ROW EXCLUSIVE MODE", on: database.url)
      trouble.withLock { $0 = false }
      gate.open()
      try await scene.poll("the build") { try await IndexScene.validity(of: scene).contains("f") }
      return (process, [table])
    }
  }

  private func reach(
    _ locks: [String] = [], _ isThere: (VecfillProcess) async throws -> Bool
  ) async throws -> (process: VecfillProcess, holds: [Hold]) {
    let holds = try locks.map { try Hold($0, on: scene.database.url) }
    let process = try scene.start(["run", "job.yaml"])
    try await scene.poll("\(point)") { try await isThere(process) }
    return (process, holds)
  }

  /// Rows of the test that vecfill has filled.
  private func filled() async throws -> Int {
    try await scene.database.count("embedding IS NOT NULL AND content LIKE 'message %'")
  }

  private func waits(for event: String) async throws -> Bool { try await scene.sessions("wait_event = '\(event)'") > 0 }
}
