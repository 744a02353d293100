import Backfill
import Foundation
import GRDB

/// The local record of what was asked, answered, paid and written.
///
/// It is a receipt log, a spool of vectors already paid for, and a set of hints: losing it costs at most the spool,
/// never correctness. Every write is durable when its call returns: a transaction with `synchronous=FULL` in a
/// rollback journal, since WAL can corrupt up to SQLite 3.51.2 (design, section 5). It holds no text and no key (P10).
/// Errors are `Failure`s with `.localIO`.
package final class Ledger: Sendable {
  package let path: String
  private let queue: DatabaseQueue
  private let isForReading: Bool
  private let waiting = Locked<[Entry]>([])
  let reserve: SpaceReserve
  /// Bytes of vectors that were settled since the kept ones were counted; nil before the first time.
  let uncountedBytes = Locked<Int?>(nil)

  /// Opens the ledger at `path`, made where it is missing, its schema brought up to this version's.
  ///
  /// Throws a `Failure` for a path that can't be written, a network file system, a file that is no ledger, or a ledger
  /// of a newer version.
  package static func open(at path: String) throws -> Ledger {
    let file = LedgerFile(path: path)
    try file.prepare()
    // Of two processes that make it or bring it up to date at the same time, one waits.
    let turn = try file.takeTurn()
    defer { close(turn) }
    let ledger = try Ledger(path: path, isForReading: false)
    try ledger.guarding {
      let migrator = LedgerSchema.migrator
      try ledger.queue.read { try ledger.refuseNewer($0, than: migrator) }
      try migrator.migrate(ledger.queue)
    }
    return ledger
  }

  /// Opens an existing ledger to read it, also while a run writes to it; nil where there is none.
  ///
  /// One of an earlier version is read in a copy, and stays as that version knows it. Throws a `Failure` for one of a newer
  /// version, and for a file that is no ledger.
  package static func openForReading(at path: String) throws -> Ledger? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    try LedgerFile(path: path).refuseForeignFile()
    let ledger = try Ledger(path: path, isForReading: true)
    return try ledger.guarding {
      switch try ledger.state() {
      case .unmade: nil
      case .older: try ledger.copied(isMigrated: true)
      case .current: ledger
      }
    }
  }

  /// How a file stands to this version's schema.
  enum State {
    /// Its first tables are still being made.
    case unmade
    case older, current
  }

  func state() throws -> State {
    try guarding {
      try queue.read { db in
        let migrator = LedgerSchema.migrator
        guard try db.tableExists("grdb_migrations") else { return .unmade }
        try refuseNewer(db, than: migrator)
        guard try !migrator.appliedIdentifiers(db).isEmpty else { return .unmade }
        return try migrator.hasCompletedMigrations(db) ? .current : .older
      }
    }
  }

  /// A copy that is gone with the process, made in one go: nobody who writes to the file waits for longer than that.
  func copied(isMigrated: Bool) throws -> Ledger {
    try guarding {
      let copy = try Ledger(copyOf: self)
      if isMigrated { try copy.guarding { try LedgerSchema.migrator.migrate(copy.queue) } }
      return copy
    }
  }

  private init(copyOf ledger: Ledger) throws {
    path = ledger.path
    isForReading = true
    reserve = SpaceReserve(in: ".")
    var configuration = Configuration()
    configuration.label = "vecfill.ledger.copy"
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
    }
    // SQLite's name for a file of its own without a name.
    queue = try DatabaseQueue(path: "", configuration: configuration)
    try ledger.queue.backup(to: queue)
  }

  init(path: String, isForReading: Bool) throws {
    self.path = path
    self.isForReading = isForReading
    reserve = SpaceReserve(in: LedgerFile(path: path).folder)
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    configuration.label = "vecfill.ledger"
    configuration.prepareDatabase { db in
      // Not a read-only connection: that one couldn't undo the transaction that a killed process has left half-done.
      if isForReading { return try db.execute(sql: "PRAGMA query_only = 1") }
      try db.execute(sql: Ledger.cheapPages)
      try db.execute(sql: "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL;")
      guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2,
        try String.fetchOne(db, sql: "PRAGMA journal_mode") == "persist"
      else {
        throw Failure(
          .localIO, path, "SQLite did not accept a durable journal", remedy: "give another path with --ledger")
      }
    }
    do {
      queue = try DatabaseQueue(path: path, configuration: configuration)
    } catch {
      throw Ledger.failure(error, path: path)
    }
  }

  /// One that is open for reading is closed at once, and not with the process: whoever leaves a write-ahead log last has
  /// to remove its files.
  deinit {
    // What keeps it open is gone with the process at the latest; nothing is left to be written.
    if isForReading { try? queue.close() }
  }

  /// A reply's vectors are some 600 KB, and SQLite works page by page: so pages are large in a ledger that is made again;
  /// one that is there keeps its own. Dropped vectors are not overwritten with zeros, as Debian's SQLite does by default:
  /// that would write each page once more and each twice into the journal, and no text is among them (P10). The journal
  /// keeps its place on the disk from one transaction to the next, but no more than 4 MiB.
  private static let cheapPages = """
    PRAGMA page_size = 32768; PRAGMA secure_delete = OFF; PRAGMA journal_size_limit = 4194304;
    """

  private func refuseNewer(_ db: Database, than migrator: DatabaseMigrator) throws {
    guard try migrator.hasBeenSuperseded(db) else { return }
    let made = try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations")
    guard made.allSatisfy({ Int($0) != nil }) else { throw LedgerDamage(place: "grdb_migrations") }
    throw Failure(
      .configuration, path, "the ledger was written by a newer vecfill",
      remedy: "use that version, or another ledger with --ledger")
  }

  /// Not ended by a cancelled task: what a request brought must be kept also when the run is being cancelled.
  ///
  /// What comes while a transaction is being made durable goes into the next one together, so that the disk is waited
  /// for once a group and not once a call. A group fails as a whole.
  func write<T: Sendable>(_ updates: @escaping @Sendable (Database) throws -> T) async throws -> T {
    try await handedOver { handover in
      let entry = Entry { db in
        let value = try updates(db)
        return { handover.resume(with: .success(value)) }
      } fail: {
        handover.resume(with: .failure($0))
      }
      let isFirst = waiting.withLock { waiting in
        waiting.append(entry)
        return waiting.count == 1
      }
      if isFirst { queue.asyncWriteWithoutTransaction { self.commitWaiting($0) } }
    }
  }

  private func commitWaiting(_ db: Database) {
    let group = waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    do {
      for end in try commit(group, db) { end() }
    } catch {
      for entry in group { entry.fail(Ledger.failure(error, path: path)) }
    }
  }

  /// A disk that is full has what is held for the replies under way, and one of these may be among the group.
  private func commit(_ group: [Entry], _ db: Database) throws -> [() -> Void] {
    do {
      return try transaction(group, db)
    } catch let error as DatabaseError where [.SQLITE_FULL, .SQLITE_IOERR].contains(error.resultCode) {
      guard reserve.giveUp() else { throw error }
      return try transaction(group, db)
    }
  }

  private func transaction(_ group: [Entry], _ db: Database) throws -> [() -> Void] {
    var ends: [() -> Void] = []
    try db.inTransaction(.immediate) {
      ends = try group.map { try $0.perform(db) }
      return .commit
    }
    return ends
  }

  /// A write that waits for its transaction.
  private struct Entry: Sendable {
    /// Makes the changes, and returns what reports that they are durable.
    let perform: @Sendable (Database) throws -> () -> Void
    let fail: @Sendable (any Error) -> Void
  }

  func read<T: Sendable>(_ value: @escaping @Sendable (Database) throws -> T) async throws -> T {
    try await handedOver { handover in
      queue.asyncRead { [path] database in
        handover.resume(with: Result { try value(database.get()) }.mapError { Ledger.failure($0, path: path) })
      }
    }
  }

  /// Outside of a transaction, which some statements want.
  func writeWithoutTransaction<T: Sendable>(_ updates: @escaping @Sendable (Database) throws -> T) async throws -> T {
    try await handedOver { handover in
      queue.asyncWriteWithoutTransaction { [path] db in
        handover.resume(with: Result { try updates(db) }.mapError { Ledger.failure($0, path: path) })
      }
    }
  }

  private func guarding<T>(_ body: () throws -> T) throws -> T {
    do {
      return try body()
    } catch {
      throw Ledger.failure(error, path: path)
    }
  }

  static func damaged(_ path: String, _ what: String) -> Failure {
    Failure(
      .localIO, path, "the ledger is damaged: \(what)",
      remedy: "move it away and run again; what it had received and not yet written is paid again")
  }

  private static func failure(_ error: any Error, path: String) -> any Error {
    switch error {
    case let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode):
      return damaged(path, "\(error.resultCode)")
    case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
      return Failure(
        .localIO, path, "the ledger's disk is full",
        remedy: "free some space and run again; what was received before is kept")
    case let error as DatabaseError where error.extendedResultCode == .SQLITE_READONLY_DBMOVED:
      return Failure(
        .localIO, path, "the ledger was moved or deleted while it was in use",
        remedy: "put it back, or run again without it: what it had received and not yet written is paid again")
    case let error as DatabaseError:
      // The statement and its arguments stay out: they may hold a reason from a provider.
      let code = error.extendedResultCode.rawValue
      return LedgerFile(path: path).failure("\(error.message ?? "SQLite failed") (error \(code))", errno: nil)
    case let damage as LedgerDamage:
      return Ledger.damaged(path, "\(damage.place) holds what vecfill never writes")
    case is RowDecodingError:
      return Ledger.damaged(path, "a column holds what vecfill never writes")
    default:
      return error
    }
  }
}
