import Backfill
import Foundation
import GRDB

extension Ledger {
  /// Looks at all that the ledger at `path` holds; nil where there is none.
  ///
  /// It does so in a copy, so that a run beside it waits no longer than that takes. Throws a `Failure` for a file that is no
  /// ledger, can't be opened at all, or is of a newer version.
  package static func inspect(at path: String) async throws -> LedgerInspection? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    try refuseForeignFile(at: path)
    let file = try Ledger(path: path, isForReading: true)
    let state = try file.state()
    guard state != .unmade else { return nil }
    let copy = try file.copied(isMigrated: false)
    var found = LedgerInspection()
    found.isOlder = state == .older
    found.version = try await copy.read { db in
      try Int.fetchOne(db, sql: "SELECT MAX(CAST(identifier AS INTEGER)) FROM grdb_migrations") ?? 0
    }
    do {
      found.findings = try await copy.read { db in try Ledger.brokenPages(of: path, db) }
      let contents = state == .older ? try copy.copied(isMigrated: true) : copy
      try await contents.inspectContents(&found)
    } catch let failure as Failure {
      // What can't be read ends the inspection, and is one of its findings.
      found.findings.append(failure)
    }
    return found
  }

  /// So many lines of SQLite's own check are told.
  private static let mostLines = 5

  private static func brokenPages(of path: String, _ db: Database) throws -> [Failure] {
    let lines = try String.fetchAll(db, sql: "PRAGMA integrity_check(\(mostLines))").filter { $0 != "ok" }
    let pages = lines.map { damaged(path, $0) }
    let orphans = try Row.fetchAll(
      db, sql: "SELECT \"table\" AS child, COUNT(*) AS count FROM pragma_foreign_key_check() GROUP BY 1")
    return try pages
      + orphans.map { row in
        let (count, table): (Int, String) = (try row.checked("count"), try row.checked("child"))
        return damaged(path, "\(count.of("row")) of its table \(table) \(count == 1 ? "belongs" : "belong") to nothing")
      }
  }

  private func inspectContents(_ found: inout LedgerInspection) async throws {
    let path = path
    let (runs, batches, withoutChecksum, spooled) = try await read { db in
      (
        try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM run") ?? 0,
        try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM batch WHERE number > 0") ?? 0,
        try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM spool WHERE checksum IS NULL") ?? 0,
        try Row.fetchAll(db, sql: "SELECT run_id, number FROM spool ORDER BY run_id, number").map { row in
          BatchID(run: try row.checked("run_id"), number: try row.checked("number"))
        }
      )
    }
    (found.runs, found.batches, found.withoutChecksum, found.spooled) = (runs, batches, withoutChecksum, spooled.count)
    found.findings += try await read { db in
      try LedgerRule.all.compactMap { rule in
        let count = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM \(rule.broken)") ?? 0
        return count == 0 ? nil : Ledger.damaged(path, "\(count) \(rule.name)")
      }
    }
    for id in spooled {
      do {
        _ = try await self.spooled(id)
      } catch is Failure {
        found.findings.append(
          Ledger.damaged(path, "batch \(id.run)/\(id.number) of its spool is not what was received"))
      }
    }
    try await decodeAll()
  }

  /// Reads what the next run or a report would decode.
  private func decodeAll() async throws {
    try await read { db in
      let open = try Row.fetchCursor(db, sql: "SELECT contents FROM batch WHERE state = 'submitted'")
      while let row = try open.next() { _ = try BatchContents.decode(row.checked("contents")) }
      let targets = try Row.fetchCursor(db, sql: "SELECT id, fingerprint FROM target")
      while let row = try targets.next() {
        _ = try row.decoded("fingerprint", as: Fingerprint.self)
        _ = try Ledger.servedModel(of: row.checked("id"), db)
      }
      let runs = try Row.fetchCursor(db, sql: "SELECT fingerprint, targets, tally FROM run")
      while let row = try runs.next() {
        _ = try row.decoded("fingerprint", as: Fingerprint.self)
        _ = try row.decoded("targets", as: [Int64].self)
        _ = try row.decoded("tally", as: Tally.self)
      }
      let batches = try Row.fetchCursor(db, sql: "SELECT * FROM provider_batch")
      while let row = try batches.next() { _ = try SubmittedBatch(row: row) }
    }
    _ = try await quarantined(in: nil)
  }
}
