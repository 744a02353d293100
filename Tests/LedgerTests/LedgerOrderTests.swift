import Backfill
import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// A ledger whose rows are in another order than their keys: what reads it in parts would begin again and again.
@Suite(.timeLimit(.minutes(1)))
struct LedgerOrderTests {
  let folder: TemporaryFolder
  var path: String { folder.file("ledger.db") }

  init() throws { folder = try TemporaryFolder() }

  /// A ledger that has run `sql`, and then in the place of the bytes `right` has `wrong`.
  private func damage(_ sql: String, _ right: [UInt8], _ wrong: [UInt8]) async throws {
    try await LedgerDamageTests.ledger(in: folder).write(to: URL(fileURLWithPath: path))
    do { try await DatabaseQueue.patient(path).writeWithoutTransaction { try $0.execute(sql: sql) } }
    var file = try Data(contentsOf: URL(fileURLWithPath: path))
    var found = 0
    while let place = file.firstRange(of: right) {
      file.replaceSubrange(place, with: wrong)
      found += 1
    }
    try #require(found > 0)
    try file.write(to: URL(fileURLWithPath: path))
  }

  private static let texts = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
    INSERT INTO known_text SELECT i, 1, CAST(printf('%016d', i) AS BLOB), i, x'00' FROM n;
    """

  private func expectDamage(in table: String, _ body: (Ledger) async throws -> Void) async throws {
    let ledger = try Ledger.open(at: path)
    let failure = await #expect(throws: Failure.self) { try await body(ledger) }
    #expect(failure?.exitCode == .localIO)
    #expect(failure?.description.contains("the ledger is damaged: \(table) holds") ?? false, "\(failure as Any)")
  }

  /// 1,000,006, the last of six, becomes 1,000,001.
  @Test func `an export of receipts ends`() async throws {
    try await damage(
      "UPDATE receipt SET id = id + 1000000; VACUUM", [0xBD, 0x84, 0x46], [0xBD, 0x84, 0x41])
    try await expectDamage(in: "receipt") { try await $0.export { _ in } }
  }

  /// 20,000, the last of the second part, becomes 10,000, the last of the first.
  @Test func `a search for known texts ends`() async throws {
    try await damage(Self.texts + "VACUUM", [0x81, 0x9C, 0x20], [0x80, 0xCE, 0x10])
    try await expectDamage(in: "known_text") { ledger in
      _ = try await KnownTexts(in: ledger, of: 1).known([TextDigest(of: "text")])
    }
  }
}
