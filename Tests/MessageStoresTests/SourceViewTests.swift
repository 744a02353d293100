import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// Views that a job can't read its rows from, and what becomes of the table's own places.
@Suite struct SourceViewTests {
  private static let shown = "it shows what was there when it was refreshed"

  static let refused: [(view: String, subject: String, reason: String, isForAll: Bool)] = [
    ("SELECT embedding, title FROM notes", "shown.id", "the view doesn't show this column of notes", true),
    ("SELECT id, title FROM notes", "shown.embedding", "the view doesn't show this column of notes", true),
    ("SELECT id + 1 AS id, embedding, title FROM notes", "shown.id", "it isn't the column of notes", false),
    (
      "SELECT n.id, o.embedding AS embedding, n.title FROM notes n, other o WHERE o.id > n.id", "shown.embedding",
      "it isn't the column",
      true
    ),
    (
      "SELECT n.id, o.embedding, n.title FROM notes n JOIN other o ON o.id = n.id", "shown.embedding",
      "it isn't the column", true
    ),
    ("SELECT id, embedding FROM notes", "shown.title", "there is no such column", true),
  ]

  private static func fixture(_ kind: StoreKind, _ view: String, _ create: String = "VIEW") async throws -> StoreFixture
  {
    let fixture = try await SourceTextContractTests.fixture(kind, rows: 3, of: Source(table: "notes"))
    try await fixture.run(
      """
      DROP VIEW shown;
      CREATE TABLE other (id \(kind.isPostgres ? "bigint" : "INTEGER") PRIMARY KEY, embedding \(fixture.vectorType(3)));
      CREATE \(create) shown \(create == "TABLE" ? view : "AS \(view)")
      """)
    return fixture
  }

  private static let source = Source(table: "notes", view: TableName("shown"), text: "title")

  @Test(arguments: StoreKind.allCases, refused.indices)
  func `a view without the table's key and vector is refused by name`(_ kind: StoreKind, _ index: Int) async throws {
    let (view, subject, reason, isForAll) = Self.refused[index]
    guard isForAll || !kind.isPostgres else { return }
    let fixture = try await Self.fixture(kind, view)
    let store = try await fixture.open()
    let refusal = await #expect(throws: Failure.self) { try await store.inspect(Self.source, dimensions: 3) }
    #expect(refusal?.exitCode == .configuration)
    #expect(refusal?.subject == subject, "\(String(describing: refusal))")
    #expect(refusal?.description.contains(reason) == true, "\(String(describing: refusal))")
    #expect(refusal?.remedy != nil)
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `what isn't a view, or not a live one, is refused`(_ kind: StoreKind) async throws {
    for (create, body, reason) in [
      ("MATERIALIZED VIEW", "SELECT id, embedding, title FROM notes", Self.shown),
      ("TABLE", "(id bigint, embedding vector(3), title text)", "it is no view"),
    ] {
      let fixture = try await Self.fixture(kind, body, create)
      let store = try await fixture.open()
      let refusal = await #expect(throws: Failure.self) { try await store.inspect(Self.source, dimensions: 3) }
      #expect(refusal?.description.contains(reason) == true, "\(String(describing: refusal))")
      let bare = Source(table: create == "TABLE" ? "nothing" : "notes", view: TableName("nowhere"), text: "title")
      await #expect(throws: Failure.self) { try await store.inspect(bare, dimensions: 3) }
      await store.close()
    }
    let fixture = try await Self.fixture(kind, "SELECT id, embedding, title FROM notes")
    let store = try await fixture.open()
    let refusal = await #expect(throws: Failure.self) {
      try await store.inspect(Source(table: "shown", text: "title"), dimensions: 3)
    }
    #expect(refusal?.remedy?.contains("write_to") == true)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a view that shows a row twice is refused where it is read`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(
      kind, "SELECT n.id, n.embedding, p.words AS title FROM notes n JOIN parts p ON p.note = n.id")
    let store = try await fixture.open()
    _ = try await store.inspect(Self.source, dimensions: 3)
    #expect(try await store.page(of: Self.source, after: nil, limit: 9).count == 3)
    try await fixture.run("INSERT INTO parts VALUES (2, 'more')")
    let refusal = await #expect(throws: Failure.self) { try await store.page(of: Self.source, after: nil, limit: 9) }
    #expect(refusal?.subject == "shown")
    #expect(refusal?.description.contains("more than once") == true)
    await store.close()
  }

  /// The view shows only rows that lack a vector, by other rows' leave, and over another view.
  @Test(arguments: StoreKind.allCases)
  func `the column is claimed and recorded as the table's, whatever view it is filled by`(_ kind: StoreKind)
    async throws
  {
    let fixture = try await Self.fixture(kind, "SELECT id, embedding, title FROM notes WHERE embedding IS NULL")
    try await fixture.run("CREATE VIEW few AS SELECT id, embedding, title FROM shown WHERE id < 3")
    let viewed = Source(table: "notes", view: TableName("few"), text: "title")
    let plain = Source(table: "notes", text: "title")
    let store = try await fixture.open()
    _ = try await store.inspect(viewed, dimensions: 3)
    #expect(try await store.countRemaining(in: viewed) == 2)
    let claimed = try await store.claim(viewed)
    #expect(try await store.column(of: plain) == claimed.column)
    let made = Fingerprint(model: "m", dimensions: 3, text: "title", preparation: TextPreparation(), view: "few")
    #expect(try await store.record(made, of: viewed) == nil)
    let other = try await fixture.open()
    await #expect(throws: Failure.self) { try await other.claim(plain) }
    let rows = try await store.page(of: viewed, after: nil, limit: 9).map {
      EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3])
    }
    // Row 2 is no longer one that the view shows.
    try await fixture.run("UPDATE notes SET id = 7 WHERE id = 2")
    #expect(try await store.write(rows, to: viewed).written == [1])
    #expect(try await store.countRemaining(in: viewed) == 0)
    // The view hides it; the column has it all the same.
    #expect(try await store.filled(in: viewed, limit: 9).rows.count == 1)
    #expect(try await store.nearest(to: [1, 2, 3], in: viewed, limit: 9).map(\.key) == [1])
    await store.close()
    _ = try await other.inspect(plain, dimensions: 3)
    // The server ends the first one's session in its own time.
    while (try? await other.claim(plain)) == nil { await Task.yield() }
    #expect(try await other.claim(plain).recorded == made)
    await other.close()
  }
}
