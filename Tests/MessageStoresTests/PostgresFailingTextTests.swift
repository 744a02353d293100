import Backfill
import MessageStores
import TestSupport
import Testing

/// Texts and conditions that fail for one row: no other row's text is computed for it.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresFailingTextTests {
  /// A table of numbers as texts, with the row 7 that is none, as small as the planner needs it to read all of it.
  private static func fixture(_ source: Source = Source(table: "messages")) async throws -> StoreFixture {
    let fixture = try await StoreFixture(.postgres18, source: source)
    try await fixture.insert((1...30).map { (key: .integer($0), text: $0 == 7 ? "x" : "\($0)") })
    try await fixture.run("ALTER TABLE messages ADD COLUMN embedding_digest bytea; ANALYZE messages")
    return fixture
  }

  private static let numbers = SourceText.sql("content::int::text")

  @Test(arguments: [Edits.ignore, .digest])
  func `rows beside one whose text can't be read are written`(_ edits: Edits) async throws {
    var source = Source(table: "messages", text: Self.numbers)
    source.edits = edits
    let fixture = try await Self.fixture()
    let store = try await fixture.open()
    let outcome = try await store.write(
      [EmbeddedRow(7, "7", [1, 2, 3]), EmbeddedRow(8, "8", [1, 2, 3]), EmbeddedRow(9, "9", [1, 2, 3])], to: source)
    #expect(outcome.written == [8, 9])
    #expect(outcome.refused == [7: "PostgreSQL refuses it (SQLSTATE 22P02)"])
    // Another batch, of healthy rows alone, some of which others hold.
    let hold = try Hold("SELECT FROM messages WHERE id = 20 FOR UPDATE", on: fixture.url)
    let beside = try await store.write(
      [EmbeddedRow(19, "19", [1, 2, 3]), EmbeddedRow(20, "20", [1, 2, 3])], to: source)
    #expect(beside.written == [19] && beside.locked == [20] && beside.refused.isEmpty)
    hold.release()
    await store.close()
  }

  @Test(arguments: ["VOLATILE", "STABLE", "IMMUTABLE"])
  func `a function that fails for one row costs that row alone`(_ kind: String) async throws {
    let fixture = try await Self.fixture()
    try await fixture.run(
      """
      CREATE FUNCTION g(id bigint, content text) RETURNS text LANGUAGE plpgsql \(kind) AS $$
        BEGIN IF id = 7 THEN RAISE 'no %', content; END IF; RETURN content; END $$
      """)
    try await Self.expectOneUnreadable(Source(table: "messages", text: .sql("g(id, content)")), in: fixture)
  }

  @Test func `a view whose text fails for one row costs that row alone`() async throws {
    let fixture = try await Self.fixture()
    try await fixture.run(
      "CREATE VIEW shown AS SELECT id, embedding, (content::int + 1)::text AS content FROM messages")
    try await Self.expectOneUnreadable(Source(table: "messages", view: TableName("shown")), in: fixture)
    var template = Source(table: "messages", view: TableName("shown"))
    template.text = SourceText(try TextTemplate(parsing: "{content} and {id}"))
    try await Self.expectOneUnreadable(template, in: fixture)
  }

  private static func expectOneUnreadable(_ source: Source, in fixture: StoreFixture) async throws {
    let store = try await fixture.open()
    let messages = try await store.page(of: source, after: nil, limit: 99)
    #expect(messages.count == 30)
    #expect(messages.filter { $0.unreadable != nil }.map(\.key) == [7])
    await store.close()
  }

  @Test(arguments: ["content::int > 0", "1 / (id - 7) < 10"])
  func `a condition that fails for one row is told with its place and the key`(_ condition: String) async throws {
    let fixture = try await Self.fixture()
    var source = Source(table: "messages", condition: condition)
    source.conditionPlace = "job.yaml:7"
    let store = try await fixture.open()
    let failure = await #expect(throws: Failure.self) { try await store.page(of: source, after: nil, limit: 99) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.subject == "job.yaml:7")
    #expect(
      failure?.reason.hasPrefix("this where of messages fails for the row of id 7: ") == true,
      "\(String(describing: failure))")
    let counting = await #expect(throws: Failure.self) { try await store.countRemaining(in: source) }
    #expect(counting?.exitCode == .configuration && counting?.subject == "job.yaml:7")
    #expect(counting?.reason.hasPrefix("this where of messages fails for a row: ") == true)
    await store.close()
  }

  @Test func `a parameter in the job's SQL is refused at once`() async throws {
    let fixture = try await Self.fixture()
    let store = try await fixture.open()
    var conditional = Source(table: "messages", condition: "id > $1")
    conditional.conditionPlace = "job.yaml:7"
    let refusal = await #expect(throws: Failure.self) { try await store.inspect(conditional, dimensions: 3) }
    #expect(refusal?.exitCode == .configuration && refusal?.subject == "job.yaml:7")
    #expect(refusal?.reason.contains("$1") == true)
    let computed = Source(table: "messages", text: .sql("content || $1::text"))
    let other = await #expect(throws: Failure.self) { try await store.inspect(computed, dimensions: 3) }
    #expect(other?.exitCode == .configuration && other?.reason.contains("$1") == true)
    await store.close()
  }

  @Test(arguments: [false, true])
  func `a search shows the nearest rows though one text can't be read`(_ isNear: Bool) async throws {
    let fixture = try await Self.fixture()
    for key in 1...30 { try await fixture.fill(.integer(Int64(key)), with: [Float(key), 1, 0]) }
    let store = try await fixture.open()
    let source = Source(table: "messages", text: Self.numbers)
    let found = try await store.nearest(to: isNear ? [7, 1, 0] : [30, 1, 0], in: source, limit: 1)
    #expect(found.map(\.key) == [isNear ? 7 : 30])
    #expect(found.map(\.text) == [isNear ? "" : "30"])
    await store.close()
  }
}
