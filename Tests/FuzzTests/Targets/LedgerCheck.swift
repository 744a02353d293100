import Backfill
import Foundation
import GRDB

@testable import Ledger

/// A ledger's file that was damaged, or written by somebody else.
enum LedgerCheck {
  private static let job = Job(
    name: "job", sources: [Source(table: "messages")], model: Model(name: "model", provider: "p", dimensions: 2))
  private static let rows = 3
  private static let date = Date(timeIntervalSince1970: 1_764_000_000)

  /// Its first byte says what the others are: bytes of a good ledger that are others now (three of their place, one of
  /// their count, and they themselves), values of its tables, or the whole file.
  static func file(_ bytes: [UInt8]) async throws {
    let folder = try ScratchFolder()
    let path = folder.file("ledger.db")
    var input = FuzzInput(bytes)
    switch input.choice(3) {
    case 0: try Data(patched(try good.get(), by: input.rest)).write(to: URL(fileURLWithPath: path))
    case 1:
      try Data(try good.get()).write(to: URL(fileURLWithPath: path))
      try change(path, by: input.rest)
    default: try Data(input.rest).write(to: URL(fileURLWithPath: path))
    }
    try await refused { try await inspect(path) }
    try await refused { try await read(path) }
    try await refused { try await resume(path) }
  }

  /// The ledger of a process that died with replies in its spool, in small pages: most bytes of large ones are of no use.
  private static let good = Result {
    try Waiting.for {
      let folder = try ScratchFolder()
      let path = folder.file("good.db")
      do {
        let ledger = try Ledger.open(at: path)
        let run = try await begin(ledger)
        for number in 1...2 {
          let batch = batch(number, of: run.id)
          try await ledger.requested(batch, target: run.targets[0], reservation: 0.001)
          let reply = EmbeddingReply(vectors: vectors(number), billedTokens: 9)
          try await ledger.received(reply, to: batch, target: run.targets[0], cost: 0.00009, at: date)
        }
      }
      let queue = try DatabaseQueue(path: path)
      try await queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA page_size = 1024; VACUUM") }
      try queue.close()
      return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
  }

  private static func begin(_ ledger: Ledger) async throws -> Ledger.BegunRun {
    let column = LedgerColumn(
      source: job.sources[0], identity: ColumnIdentity(database: "db", column: "messages.embedding"),
      fingerprint: job.fingerprint(of: job.sources[0]), isProven: true)
    return try await ledger.begin(job, on: "db", columns: [column], at: date)
  }

  private static func batch(_ number: Int, of run: Int64) -> Batch {
    let keys = (0..<rows).map { Int64(number * 100 + $0) }
    return Batch(
      id: BatchID(run: run, number: number), source: 0, page: 1,
      contents: Batch.Contents(
        inputs: keys.map { Input(texts: ["text \($0)"], tokens: [3], isExact: true) },
        rows: keys.enumerated().map {
          BatchRow(key: .integer($0.element), digest: TextDigest(of: "text \($0.element)"), input: $0.offset)
        }))
  }

  private static func vectors(_ number: Int) -> Vectors {
    Vectors(dimensions: 2, values: (0..<rows).flatMap { vector(Int64(number * 100 + $0)) })
  }

  /// The vector that a key's text has.
  private static func vector(_ key: Int64) -> [Float] { [Float(key), 1] }

  private static func patched(_ file: [UInt8], by patches: ArraySlice<UInt8>) -> [UInt8] {
    var (file, patches) = (file, patches)
    while patches.count > 4 {
      let place = patches.prefix(3).reduce(0) { $0 << 8 | Int($1) } % file.count
      let bytes = patches.dropFirst(4).prefix(1 + Int(patches[patches.startIndex + 3]) % 64).prefix(file.count - place)
      file.replaceSubrange(place..<place + bytes.count, with: bytes)
      patches = patches.dropFirst(4 + bytes.count)
    }
    return file
  }

  /// Sets a column to a value, for each line as `table.column=value`.
  private static func change(_ path: String, by lines: ArraySlice<UInt8>) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    defer { try? queue.close() }
    try queue.write { db in
      for line in lines.split(separator: 0x0A) {
        guard let equals = line.firstIndex(of: 0x3D) else { continue }
        let place = String(decoding: line[..<equals], as: UTF8.self).split(separator: ".").map(String.init)
        guard place.count == 2, !place.contains(where: { $0.contains("\0") }) else { continue }
        let value = line[line.index(after: equals)...]
        // What is no text is bytes.
        let bound =
          String(validating: value, as: UTF8.self).map { Int64($0)?.databaseValue ?? $0.databaseValue }
          ?? Data(value).databaseValue
        do {
          try db.execute(
            sql: "UPDATE \(place[0].quotedDatabaseIdentifier) SET \(place[1].quotedDatabaseIdentifier) = ?",
            arguments: [bound])
        } catch is DatabaseError {
          // There is no such column, or it does not take this value.
        }
      }
    }
  }

  /// A ledger may be refused, in one line that says what to do.
  private static func refused(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let failure as Failure {
      try Canary.checkLine("\(failure)")
      guard [.localIO, .configuration].contains(failure.exitCode) else { throw Broken("another code: \(failure)") }
    }
  }

  private static func inspect(_ path: String) async throws {
    for finding in try await Ledger.inspect(at: path)?.findings ?? [] { try Canary.checkLine("\(finding)") }
  }

  /// What people read of it.
  private static func read(_ path: String) async throws {
    guard let ledger = try Ledger.openForReading(at: path) else { return }
    _ = try await ledger.jobs()
    _ = try await ledger.expenses(by: .run)
    _ = try await ledger.quarantined(in: nil)
    try await ledger.export { _ in }
  }

  /// What a run reads of it: each vector is that of its key's text. Where a checksum is gone, as in a ledger of an early
  /// version, nothing can tell.
  private static func resume(_ path: String) async throws {
    let ledger = try Ledger.open(at: path)
    let hasChecksums =
      try await ledger.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM spool WHERE checksum IS NULL") } == 0
    for spooled in try await begin(ledger).spooled {
      let batch = try await ledger.spooled(spooled.id)
      for row in batch.rows.embedded(by: batch.vectors) {
        guard hasChecksums else { continue }
        guard case .integer(let key) = row.key, Array(row.vector) == vector(key),
          row.digest == TextDigest(of: "text \(key)")
        else { throw Broken("the vector of another text for \(row.key)") }
      }
    }
  }
}
