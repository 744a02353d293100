import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// What reads pieces.
extension PostgresPiecesTests {
  @Test(arguments: StoreKind.postgres)
  func `the nearest rows come once each, with their best piece`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(kind)
    let store = try await Self.store(fixture)
    let ones = Self.pieces(1, "one two three") { [[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0]][$0] }
    let fours = Self.pieces(2, "four five six") { [[0, 0, 1], [0.5, 0.5, 0], [0, 0, 1]][$0] }
    _ = try await store.write(ones + fours, to: Self.source)
    let found = try await store.nearest(to: [1, 0, 0], in: Self.source, limit: 5)
    #expect(found.map(\.key) == [1, 2])
    #expect(found.map(\.piece) == [0, 1])
    #expect(found.map(\.text) == ["one", "five"])
    try await fixture.run("UPDATE messages SET content = 'xxx yyy zzz' WHERE id = 1")
    #expect(try await store.nearest(to: [1, 0, 0], in: Self.source, limit: 1).map(\.text) == [""])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `rows that lack their pieces are found in windows, however many have them`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(
      kind,
      """
      INSERT INTO messages (id, content) SELECT n, 'text ' || n FROM generate_series(10, 3000) AS n;
      INSERT INTO message_pieces SELECT id, 0, 0, 1, sha256(convert_to(content, 'UTF8')), '[1,2,3]' FROM messages
        WHERE content LIKE 'text %';
      UPDATE messages SET content = 'edited' WHERE id IN (1200, 2999)
      """, texts: [:])
    let store = try await Self.store(fixture)
    let pages = try await store.pages(of: Self.source, PageRequest(limit: 500))
    #expect(pages.flatMap(\.messages).map(\.key) == [1200, 2999])
    #expect(pages.count > 2)
    #expect(try await store.countRemaining(in: Self.source) == 2)
    await store.close()
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a text that can't be read stops no other, in pages, counts and writes`(_ major: PostgresCluster.Major)
    async throws
  {
    let database = try await PostgresUnreadableTextTests.database(major, encoding: "WIN1252")
    try await database.run(
      """
      CREATE TABLE message_pieces (id int NOT NULL, number integer NOT NULL, start integer NOT NULL, "end" integer NOT NULL,
        digest bytea NOT NULL, embedding vector(3) NOT NULL, PRIMARY KEY (id, number));
      SET client_encoding = 'WIN1252';
      INSERT INTO messages VALUES (1, 'one two'), (2, 'secret ' || E'\\x81'), (3, 'three four')
      """)
    let store = try await PostgresMessageStore(url: DatabaseURL(database.url), applicationName: "vecfill tests")
    let page = try await store.page(of: Self.source, PageRequest(limit: 9))
    #expect(page.messages.map(\.text) == ["one two", nil, "three four"])
    #expect(page.messages.compactMap(\.unreadable).count == 1)
    #expect(try await store.countRemaining(in: Self.source) == 3)
    let outcome = try await store.write(
      Self.pieces(1, "one two") + Self.pieces(2, "secret") + Self.pieces(3, "three four"), to: Self.source)
    #expect(outcome.written == [1, 3])
    #expect(outcome.refused.keys.map(\.description) == ["2"])
    #expect(try await store.page(of: Self.source, PageRequest(limit: 9)).messages.map(\.key) == [2])
    #expect(try await store.countRemaining(in: Self.source) == 1)
    await store.close()
  }
}
