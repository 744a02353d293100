import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// What becomes of a ledger whose file was damaged: no wrong vector, no trap, and a failure that says what to do.
@Suite struct LedgerDamageTests {
  static let job = Job(
    name: "job", sources: [Source(table: "m")], model: Model(name: "model", dimensions: 8, usdPerMillionTokens: 1))
  static let batches = 6
  static let rows = 20

  static func batch(_ number: Int, of run: Int64) -> Batch {
    let keys = (0..<rows).map { Int64(number * 1000 + $0) }
    return Batch(
      id: BatchID(run: run, number: number), source: 0, page: 1,
      contents: Batch.Contents(
        inputs: keys.map { Input(texts: ["text \($0)"], tokens: [3], isExact: true) },
        rows: keys.enumerated().map {
          BatchRow(key: .integer($0.element), digest: TextDigest(of: "text \($0.element)"), input: $0.offset)
        }))
  }

  /// The vector that a key's text has.
  static func vector(_ key: Int64) -> [Float] { (0..<8).map { Float(key) + Float($0) / 8 } }

  /// The bytes of a ledger whose process died with batches in the spool.
  static func ledger(in folder: TemporaryFolder) async throws -> Data {
    let path = folder.file("good.db")
    do {
      let ledger = try Ledger.open(at: path)
      let run = try await ledger.begin(job, on: "db", at: Date())
      for number in 1...batches {
        let batch = batch(number, of: run.id)
        try await ledger.requested(batch, target: run.targets[0], reservation: 0.001)
        let values = batch.contents.rows.flatMap { row in
          if case .integer(let key) = row.key { vector(key) } else { [Float]() }
        }
        let reply = EmbeddingReply(vectors: Vectors(dimensions: 8, values: values), billedTokens: 60)
        try await ledger.received(reply, to: batch, target: run.targets[0], cost: 0.00006, at: Date())
      }
    }
    return try Data(contentsOf: URL(fileURLWithPath: path))
  }

  /// Opens a damaged ledger as a run does, reads all that a run writes from it, and returns what it says.
  static func outcome(of path: String) async -> (failure: Failure?, wrong: Int, other: (any Error)?) {
    var wrong = 0
    do {
      let ledger = try Ledger.open(at: path)
      let run = try await ledger.begin(job, on: "db", at: Date())
      for spooled in run.spooled {
        let batch = try await ledger.spooled(spooled.id)
        for row in batch.rows.embedded(by: batch.vectors) {
          guard case .integer(let key) = row.key, Array(row.vector) == vector(key),
            row.digest == TextDigest(of: "text \(key)")
          else {
            wrong += 1
            continue
          }
        }
      }
      _ = try await ledger.jobs()
      _ = try await ledger.expenses(by: .run)
      _ = try await ledger.quarantined(in: nil)
      return (nil, wrong, nil)
    } catch let failure as Failure {
      return (failure, wrong, nil)
    } catch {
      return (nil, wrong, error)
    }
  }

  enum Damage: String, CaseIterable {
    case bit, byte, truncation, swappedPages, zeroedPage, randomPage

    func apply(to data: inout Data, using random: inout some RandomNumberGenerator) {
      let pages = data.count / 4096
      func page(_ number: Int) -> Range<Int> { number * 4096..<(number + 1) * 4096 }
      switch self {
      case .bit: data[Int.random(in: 0..<data.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case .byte: data[Int.random(in: 0..<data.count, using: &random)] = .random(in: 0...255, using: &random)
      case .truncation: data = data.prefix(Int.random(in: 0..<data.count, using: &random))
      case .swappedPages:
        let (one, two) = (
          page(Int.random(in: 0..<pages, using: &random)), page(Int.random(in: 0..<pages, using: &random))
        )
        let kept = data.subdata(in: one)
        data.replaceSubrange(one, with: data.subdata(in: two))
        data.replaceSubrange(two, with: kept)
      case .zeroedPage: data.resetBytes(in: page(Int.random(in: 0..<pages, using: &random)))
      case .randomPage:
        for index in page(Int.random(in: 0..<pages, using: &random)) {
          data[index] = .random(in: 0...255, using: &random)
        }
      }
    }
  }

  @Test(arguments: Damage.allCases) func `no damage of the file writes a wrong vector or ends without a reason`(
    damage: Damage
  ) async throws {
    let folder = try TemporaryFolder()
    let good = try await Self.ledger(in: folder)
    var random = SeededGenerator(seed: UInt64(damage.rawValue.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }))
    var seen = 0
    for round in 0..<340 {
      var data = good
      for _ in 0..<Int.random(in: 1...5, using: &random) { damage.apply(to: &data, using: &random) }
      let path = folder.file("damaged.db")
      try? FileManager.default.removeItem(atPath: path + "-journal")
      try data.write(to: URL(fileURLWithPath: path))
      let outcome = await Self.outcome(of: path)
      #expect(outcome.wrong == 0, "round \(round)")
      #expect(outcome.other == nil, "round \(round): \(String(describing: outcome.other))")
      if let failure = outcome.failure {
        seen += 1
        #expect([.localIO, .configuration].contains(failure.exitCode), "round \(round): \(failure)")
      }
    }
    #expect(seen > 10)
  }

  @Test(arguments: [
    "UPDATE spool SET vectors = zeroblob(length(vectors))", "UPDATE spool SET dimensions = 4",
    "UPDATE spool SET dimensions = 'x'", "UPDATE spool SET vectors = NULL WHERE 0; UPDATE spool SET checksum = x'00'",
    "UPDATE batch SET contents = '{}'", "UPDATE batch SET contents = NULL",
    "UPDATE batch SET contents = replace(contents, '1000', '1001')",
    "UPDATE batch SET contents = replace(contents, '\"i\":0', '\"i\":99')",
    "UPDATE batch SET contents = replace(contents, '\"i\":0', '\"i\":1')", "DELETE FROM spool",
    "UPDATE target SET fingerprint = '{'", "UPDATE run SET state = NULL WHERE 0; UPDATE run SET targets = x'ff'",
  ])
  func `an edited ledger is refused as damaged, with what to do`(sql: String) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("ledger.db")
    try await Self.ledger(in: folder).write(to: URL(fileURLWithPath: path))
    do {
      let queue = try DatabaseQueue.patient(path)
      try await queue.write { try $0.execute(sql: sql) }
    }
    let outcome = await Self.outcome(of: path)
    #expect(outcome.wrong == 0)
    let failure = try #require(outcome.failure, "\(String(describing: outcome.other))")
    #expect(failure.exitCode == .localIO)
    #expect(failure.description.contains("damaged"), "\(failure)")
  }

  @Test func `another application's file is left as it is`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("app.db")
    do {
      let queue = try DatabaseQueue.patient(path)
      try await queue.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA journal_mode = WAL; CREATE TABLE mine (x)")
      }
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    try Data("not a database at all, but a text".utf8).write(to: URL(fileURLWithPath: folder.file("text")))
    for name in ["app.db", "text"] {
      let before = try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
      let failure = #expect(throws: Failure.self) { try Ledger.open(at: folder.file(name)) }
      #expect(failure?.exitCode == (name == "text" ? .localIO : .configuration))
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file(name))) == before)
    }
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o644)
  }
}
