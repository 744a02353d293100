import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// `vecfill ledger check`: a good ledger has no finding, a damaged one has.
@Suite struct LedgerInspectTests {
  let folder: TemporaryFolder
  var path: String { folder.file("ledger.db") }

  init() throws { folder = try TemporaryFolder() }

  @Test func `a good ledger has no finding, and is left as it is`() async throws {
    let data = try await LedgerDamageTests.ledger(in: folder)
    try data.write(to: URL(fileURLWithPath: path))
    let found = try #require(try await Ledger.inspect(at: path))
    #expect(found.findings == [])
    #expect(found.spooled == LedgerDamageTests.batches)
    #expect(found.batches == LedgerDamageTests.batches && found.runs == 1 && !found.isOlder)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == data)
    #expect(try await Ledger.inspect(at: folder.file("none.db")) == nil)
  }

  @Test(arguments: [
    ("UPDATE spool SET checksum = x'00112233445566778899aabbccddeeff' WHERE number = 3", "batch 1/3 of its spool"),
    ("UPDATE spool SET vectors = zeroblob(length(vectors)) WHERE number = 2", "batch 1/2 of its spool"),
    ("UPDATE batch SET contents = '{}' WHERE number = 2", "batch 1/2 of its spool"),
    ("DELETE FROM spool WHERE number = 1", "1 batches are received, and their vectors are gone"),
    ("UPDATE batch SET state = 'lost' WHERE number = 1", "1 blocks of vectors are in the spool"),
    ("UPDATE batch SET state = 'sent' WHERE number = 1", "1 batches are in a state that is none"),
    ("UPDATE batch SET state = 'submitted' WHERE number = 1", "1 batches wait for a provider's batch"),
    ("UPDATE run SET state = 'walking'", "1 runs are in a state that is none"),
    ("DELETE FROM receipt WHERE number < 3", "2 batches are paid, and have no receipt"),
    ("UPDATE receipt SET cost = 'much'", "6 receipts hold what is no sum"),
    ("UPDATE receipt SET spent = -1 WHERE number = 1", "1 receipts hold what is no sum"),
    ("UPDATE batch SET possibly_paid = -1 WHERE number = 1", "1 batches hold what is no count"),
    ("DELETE FROM batch WHERE number = 1", "1 row of its table receipt belongs to nothing"),
    ("UPDATE target SET fingerprint = '{'", "fingerprint holds what vecfill never writes"),
    ("UPDATE run SET tally = '[]'", "tally holds what vecfill never writes"),
    ("INSERT INTO quarantine VALUES (1, '1', x'00', 'badInput', '400', 1, 1)", "1 rows are in quarantine without"),
  ])
  func `each thing that can't be is found, with what to do`(sql: String, told: String) async throws {
    try await LedgerDamageTests.ledger(in: folder).write(to: URL(fileURLWithPath: path))
    do {
      var configuration = Configuration()
      configuration.foreignKeysEnabled = false
      try await DatabaseQueue(path: path, configuration: configuration).write { try $0.execute(sql: sql) }
    }
    let findings = try #require(try await Ledger.inspect(at: path)).findings
    #expect(findings.contains { $0.description.contains("the ledger is damaged: \(told)") }, "\(findings)")
    #expect(findings.allSatisfy { $0.exitCode == .localIO && $0.remedy != nil })
  }

  /// The tests' damages, of the file and not of its rows: what hides nothing that a run would trip over is a finding too.
  @Test(arguments: LedgerDamageTests.Damage.allCases) func `whatever a run would refuse of a damaged file is found`(
    damage: LedgerDamageTests.Damage
  ) async throws {
    let good = try await LedgerDamageTests.ledger(in: folder)
    var random = SeededGenerator(seed: 17)
    var found = 0
    for round in 0..<12 {
      var data = good
      // Most of the file's bytes are of no use.
      for _ in 0..<(damage == .bit || damage == .byte ? 200 : 2) { damage.apply(to: &data, using: &random) }
      try? FileManager.default.removeItem(atPath: path + "-journal")
      try data.write(to: URL(fileURLWithPath: path))
      var isFound = true
      do {
        isFound = try await Ledger.inspect(at: path)?.findings.isEmpty == false
      } catch let failure as Failure {
        #expect([.localIO, .configuration].contains(failure.exitCode), "round \(round): \(failure)")
      }
      found += isFound ? 1 : 0
      let outcome = await LedgerDamageTests.outcome(of: path)
      #expect(isFound || outcome.failure == nil, "round \(round): \(String(describing: outcome.failure))")
    }
    #expect(found > 2, "a test without damage shows nothing")
    print("figure: \(damage): \(found) of 12 damages were found")
  }
}
