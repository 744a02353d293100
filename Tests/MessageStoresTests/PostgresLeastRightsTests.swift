import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// A role that has the rights that SECURITY.md lists, and no other.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresLeastRightsTests {
  /// What a job says of edits, and the rights that it needs besides.
  static let jobs: [(edits: Edits, isApart: Bool, rights: String)] = [
    (.clear, false, "SELECT 1"),
    (.digest, false, "GRANT SELECT (embedding_digest), UPDATE (embedding_digest) ON messages TO lowly"),
    (.digest, true, "GRANT SELECT, INSERT, UPDATE, DELETE ON vecfill_digest_messages_embedding TO lowly"),
  ]

  private static func source(_ edits: Edits, isApart: Bool) -> Source {
    var source = EditedRowsContractTests.source
    (source.edits, source.keepsDigestsApart) = (edits, isApart)
    return source
  }

  @Test(arguments: jobs)
  func `what a write with edits needs is asked for first, and no row is blamed for a right that is gone`(
    _ job: (edits: Edits, isApart: Bool, rights: String)
  ) async throws {
    let source = Self.source(job.edits, isApart: job.isApart)
    let fixture = try await EditedRowsContractTests.fixture(.postgres18, marked: false)
    let role = "lowly_\(UInt32.random(in: 0 ... .max))"
    func grant(_ script: String) async throws { try await fixture.run(script.replacing("lowly", with: role)) }
    try await fixture.run(
      "CREATE TABLE vecfill_digest_messages_embedding (id bigint PRIMARY KEY, digest bytea NOT NULL)")
    try await grant(
      """
      CREATE ROLE lowly LOGIN; GRANT SELECT (id, content, embedding), UPDATE (embedding) ON messages TO lowly; \(job.rights)
      """)
    try await fixture.insert([1: "one", 2: "two"])
    let store = try await fixture.openImpatient(as: role)
    let refusal = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: 3) }
    #expect(refusal?.exitCode == .denied)
    #expect(refusal?.remedy == "GRANT SELECT (xmin, tableoid) ON messages TO \"\(role)\"")
    try await grant("GRANT SELECT (xmin, tableoid) ON messages TO lowly")
    _ = try await store.inspect(source, dimensions: 3)
    let written = try await store.write([EmbeddedRow(1, "one", [1, 1, 1])], to: source)
    #expect(written.written == [1])
    try await grant("REVOKE SELECT (xmin) ON messages FROM lowly")
    let gone = await #expect(throws: Failure.self) {
      try await store.write([EmbeddedRow(2, "two", [1, 1, 1])], to: source)
    }
    #expect(gone?.exitCode == .denied)
    try await grant("GRANT SELECT (xmin) ON messages TO lowly")
    #expect(try await store.write([EmbeddedRow(2, "two", [1, 1, 1])], to: source).written == [2])
    await store.close()
    try await grant("DROP OWNED BY lowly; DROP ROLE lowly")
  }
}

/// Operators that are not what they seem.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresKeyOperatorTests {
  @Test(arguments: [["id"], ["id", "n"], ["n", "id"]])
  func `an operator that somebody made for the key's type is not taken`(_ keys: [String]) async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE TABLE messages (id varchar, n int, content text, embedding vector(3), PRIMARY KEY (\(keys.joined(separator: ", "))));
      INSERT INTO messages SELECT 'key ' || i, i, 'text ' || i FROM generate_series(1, 5) i;
      CREATE FUNCTION no(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
      CREATE OPERATOR = (leftarg = varchar, rightarg = varchar, function = no);
      CREATE OPERATOR > (leftarg = varchar, rightarg = varchar, function = no);
      CREATE OPERATOR <= (leftarg = varchar, rightarg = varchar, function = no)
      """)
    let source = Source(table: "messages", keys: keys)
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    let messages = try await store.pages(of: source, PageRequest(limit: 2)).flatMap(\.messages)
    #expect(messages.compactMap(\.text).sorted() == (1...5).map { "text \($0)" })
    let rows = messages.map { EmbeddedRow($0.key, $0.text ?? "", [1, 1, 1]) }
    #expect(try await store.write(rows, to: source).written.count == 5)
    await store.close()
  }
}
