import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// Texts that can't be read: each is told as such, and stops no other.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresUnreadableTextTests {
  static let source = Source(table: "messages")

  /// A database of `encoding` with pgvector and an empty table.
  static func database(
    _ major: PostgresCluster.Major, encoding: String, text: String = "text"
  ) async throws -> PostgresDatabase {
    let cluster = try await PostgresCluster.shared(major)
    let name = "odd_\(UUID().uuidString.lowercased())"
    try await PostgresDatabase(port: cluster.port, name: "postgres")
      .run("CREATE DATABASE \"\(name)\" TEMPLATE template0 ENCODING \(encoding)")
    let database = PostgresDatabase(port: cluster.port, name: name)
    try await database.run(
      "CREATE EXTENSION vector; CREATE TABLE messages (id int PRIMARY KEY, content \(text), embedding vector(3))")
    return database
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a byte that has no UTF-8 form is told, by a digest that sees it mended`(
    _ major: PostgresCluster.Major
  ) async throws {
    let database = try await Self.database(major, encoding: "WIN1252")
    try await database.run(
      """
      SET client_encoding = 'WIN1252';
      INSERT INTO messages VALUES (1, 'one'), (2, 'secret ' || E'\\x81'), (3, 'caf' || E'\\xe9'), (4, ' '),
        (5, E'\\x81\\x8d'), (6, NULL)
      """)
    await #expect(throws: (any Error).self) {
      try await database.run("SET client_encoding = 'UTF8'; SELECT content FROM messages WHERE id = 2")
    }
    let store = try await DatabaseURL(database.url).openMessageStore(applicationName: "vecfill tests")
    let page = try await store.page(of: Self.source, PageRequest(limit: 9))
    #expect(page.messages.map(\.key) == [1, 2, 3, 4, 5, 6])
    #expect(page.messages.map(\.text) == ["one", nil, "caf\u{e9}", nil, nil, nil])
    #expect(page.continuesAfter == nil)
    let unreadable = page.messages.compactMap(\.unreadable)
    #expect(unreadable.count == 2)
    #expect(unreadable.allSatisfy { $0.reason.contains("SQLSTATE 22P05") && !$0.reason.contains("secret") })
    let bytes = Array("secret ".utf8) + [0x81]
    #expect(unreadable.first?.digest == bytes.withUnsafeBytes { TextDigest(ofUTF8: $0) })

    let short = try await store.page(of: Self.source, PageRequest(limit: 2, leavesOutBlank: true))
    #expect(short.messages.map(\.key) == [1, 2] && short.continuesAfter == 2)
    let rest = try await store.page(of: Self.source, PageRequest(after: 2, limit: 9, leavesOutBlank: true))
    #expect(rest.messages.map(\.key) == [3, 5] && rest.continuesAfter == nil)

    // A vector that was paid for before the text went bad stops no other row's.
    let rows = [
      EmbeddedRow(1, "one", [1, 2, 3]), EmbeddedRow(2, "secret", [1, 2, 3]), EmbeddedRow(3, "caf\u{e9}", [1, 2, 3]),
    ]
    let outcome = try await store.write(rows, to: Self.source)
    #expect(outcome.written == [1, 3])
    #expect(outcome.refused == [2: "PostgreSQL refuses it (SQLSTATE 22P05)"])
    await store.close()
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `bytes that are no UTF-8 in a UTF-8 database are told`(_ major: PostgresCluster.Major) async throws {
    let database = try await Self.database(major, encoding: "SQL_ASCII")
    try await database.run(
      """
      INSERT INTO messages VALUES (1, 'one'), (2, E'caf\\xe9'), (3, 'three'), (4, E'\\xff');
      UPDATE pg_database SET encoding = pg_char_to_encoding('UTF8') WHERE datname = current_database()
      """)
    let store = try await DatabaseURL(database.url).openMessageStore(applicationName: "vecfill tests")
    #expect(try await database.value("SHOW server_encoding") == "UTF8")
    let messages = try await store.page(of: Self.source, after: nil, limit: 9)
    #expect(messages.map(\.key) == [1, 2, 3, 4])
    #expect(messages.map(\.text) == ["one", nil, "three", nil])
    #expect(messages[1].unreadable?.reason.hasPrefix("its bytes are no") == true)
    #expect(messages[1].unreadable?.digest == (Array("caf".utf8) + [0xe9]).withUnsafeBytes { TextDigest(ofUTF8: $0) })
    #expect(messages[3].unreadable != nil)
    await store.close()
  }

  @Test(arguments: PostgresCluster.Major.allCases, ["text", "varchar", "char(9000)"])
  func `a damaged value is told, and the others of its page come`(
    _ major: PostgresCluster.Major, _ type: String
  ) async throws {
    let database = try await Self.database(major, encoding: "UTF8", text: type)
    // Incompressible, so that it is stored out of line.
    let long = "(SELECT string_agg(md5((n * \("%"))::text), '') FROM generate_series(1, 250) AS n)"
    try await database.run(
      """
      INSERT INTO messages VALUES (1, 'one'), (2, \(long.replacing("%", with: "2"))),
        (3, \(long.replacing("%", with: "3"))), (4, ' ')
      """)
    let toast = try #require(
      try await database.value("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'messages'::regclass"))
    // A table that holds such values can't be changed, unless it is taken for one of another kind.
    try await database.run("UPDATE pg_class SET relkind = 'r' WHERE oid = '\(toast)'::regclass")
    try await database.run(
      """
      INSERT INTO \(toast) SELECT chunk_id, 99, chunk_data FROM \(toast)
        WHERE chunk_id = (SELECT min(chunk_id) FROM \(toast)) AND chunk_seq = 1
      """)
    try await database.run("UPDATE pg_class SET relkind = 't' WHERE oid = '\(toast)'::regclass")
    await #expect(throws: (any Error).self) { try await database.run("SELECT content FROM messages WHERE id = 2") }
    let store = try await DatabaseURL(database.url).openMessageStore(applicationName: "vecfill tests")
    for condition in [nil, "id > 0", "length(content) > 0 OR id > 0"] {
      var source = Self.source
      source.condition = condition
      let messages = try await store.page(of: source, after: nil, limit: 9)
      #expect(messages.map(\.key) == [1, 2, 3, 4])
      #expect(messages[1].unreadable?.reason == "its stored value is damaged (SQLSTATE XX001)")
      #expect(messages[1].unreadable?.digest == TextDigest(of: ""))
      #expect(messages[0].text?.hasPrefix("one") == true)
      #expect(messages[2].text?.utf8.count == 8000)
      #expect(messages[3].text == nil && messages[3].unreadable == nil)
    }
    let outcome = try await store.write(
      [EmbeddedRow(1, "one", [1, 2, 3]), EmbeddedRow(2, "two", [1, 2, 3])], to: Self.source)
    #expect(outcome.refused == [2: "PostgreSQL refuses it (SQLSTATE XX001)"])
    #expect(outcome.written == [1])
    await store.close()
  }

  @Test func `a condition that fails is the job's fault, not a text's`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one", 2: "two", 3: "three"])
    var source = fixture.source
    source.condition = "1 / (id - 2) < 9"
    let store = try await fixture.open()
    let failure = await #expect(throws: Failure.self) { try await store.page(of: source, after: nil, limit: 9) }
    #expect(failure?.reason.contains("22012") == true)
    await store.close()
  }
}
