import Backfill
import MessageStores
import TestSupport
import Testing

/// Texts far beyond what any model takes: each is told as such without being read, and stops no other.
@Suite struct TooLongTextTests {
  private static let most = UnreadableText.mostBytes

  /// A text of so many characters as SQL.
  private static func text(_ kind: StoreKind, of count: Int) -> String {
    kind.isPostgres ? "repeat('0', \(count))" : "substr(hex(zeroblob(\(count / 2 + 1))), 1, \(count))"
  }

  private static func fixture(_ kind: StoreKind, condition: String? = nil) async throws -> StoreFixture {
    let fixture = try await StoreFixture(
      kind, source: Source(table: "messages", text: "content", condition: condition))
    for (key, text) in [
      (1, "'one'"), (2, text(kind, of: most + 1)), (3, "' '"), (4, text(kind, of: 2 * most)), (5, "'five'"),
      (6, text(kind, of: most)), (7, text(kind, of: most + 1)), (8, "'eight'"), (9, text(kind, of: 3 * most)),
    ] {
      try await fixture.run("INSERT INTO messages (id, content) VALUES (\(key), \(text))")
    }
    return fixture
  }

  @Test(arguments: StoreKind.allCases, [true, false])
  func `a text of more than 8 MiB is told as too long, and the others are read`(
    _ kind: StoreKind, leavesOutBlank: Bool
  ) async throws {
    let fixture = try await Self.fixture(kind)
    let store = try await fixture.open()
    for limit in [1, 2, 4, 20] {
      let pages = try await store.pages(
        of: fixture.source, PageRequest(limit: limit, leavesOutBlank: leavesOutBlank))
      let messages = pages.flatMap(\.messages)
      #expect(messages.map(\.key) == (leavesOutBlank ? [1, 2, 4, 5, 6, 7, 8, 9] : [1, 2, 3, 4, 5, 6, 7, 8, 9]))
      #expect(messages.filter { $0.unreadable == .tooLong }.map(\.key) == [2, 4, 7, 9])
      #expect(messages.compactMap(\.text).map(\.utf8.count) == [3, 4, Self.most, 5])
      #expect(pages.allSatisfy { $0.messages.count <= limit })
    }
    let range = try await store.pages(of: fixture.source, PageRequest(after: 1, through: 7, limit: 20))
    #expect(range.flatMap(\.messages).map(\.key) == [2, 3, 4, 5, 6, 7])
  }

  @Test(arguments: StoreKind.allCases)
  func `a condition that looks at the text decides about one that is too long`(_ kind: StoreKind) async throws {
    for (condition, keys) in [
      ("length(content) < 100", [1, 3, 5, 8] as [RowKey]),
      ("length(content) <> \(2 * Self.most)", [1, 2, 3, 5, 6, 7, 8, 9]),
      ("length(content) > 100", [2, 4, 6, 7, 9]), ("id > 6", [7, 8, 9]),
    ] {
      let fixture = try await Self.fixture(kind, condition: condition)
      let store = try await fixture.open()
      let messages = try await store.pages(of: fixture.source, PageRequest(limit: 3)).flatMap(\.messages)
      #expect(messages.map(\.key) == keys, "\(condition)")
      let tooLong: [RowKey] = [2, 4, 7, 9]
      #expect(messages.filter { $0.unreadable == .tooLong }.map(\.key) == keys.filter(tooLong.contains), "\(condition)")
    }
  }

  @Test(arguments: StoreKind.postgres)
  func `a text that is too long is not read where another one is damaged either`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(kind)
    let toast = "(SELECT reltoastrelid FROM pg_class WHERE oid = 'messages'::regclass)"
    for statement in [
      "ALTER TABLE messages ALTER content SET STORAGE EXTERNAL",
      "UPDATE messages SET content = repeat(md5('a'), 200) WHERE id = 8",
      "UPDATE pg_class SET relkind = 'r' WHERE oid = \(toast)",
      """
      DO $$ DECLARE toast text := \(toast)::regclass; BEGIN
        EXECUTE 'INSERT INTO ' || toast || ' SELECT chunk_id, 99, chunk_data FROM ' || toast
          || ' WHERE chunk_seq = 1 AND chunk_id = (SELECT max(chunk_id) FROM ' || toast || ')';
      END $$
      """,
      "UPDATE pg_class SET relkind = 't' WHERE oid = \(toast)",
    ] { try await fixture.run(statement) }
    let store = try await fixture.open()
    let messages = try await store.pages(of: fixture.source, PageRequest(limit: 20)).flatMap(\.messages)
    #expect(messages.filter { $0.unreadable == .tooLong }.map(\.key) == [2, 4, 7, 9])
    #expect(messages.first { $0.key == 8 }?.unreadable?.reason.contains("damaged") == true)
    #expect(messages.compactMap(\.text).map(\.utf8.count) == [3, 4, Self.most])
  }
}
