import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// Pieces of texts in a table beside: replaced as a whole, and only while the row holds the text that was cut.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresPiecesTests {
  static let source = Source(
    table: "messages", text: "content",
    chunks: Chunks(table: "message_pieces", cutting: Cutting(tokens: 16, overlap: 0)))
  static let texts: [Int64: String?] = [1: "one two three", 2: "four five six", 3: "  ", 4: nil]

  static func fixture(
    _ kind: StoreKind, _ script: String = "SELECT 1", texts: [Int64: String?] = texts
  ) async throws -> StoreFixture {
    let fixture = try await StoreFixture(kind, source: source)
    if !texts.isEmpty { try await fixture.insert(texts) }
    try await fixture.run(
      """
      CREATE TABLE message_pieces (id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE, number integer NOT NULL,
        start integer NOT NULL, "end" integer NOT NULL, digest bytea NOT NULL, embedding vector(3) NOT NULL,
        PRIMARY KEY (id, number));
      ALTER TABLE messages DROP COLUMN embedding;
      \(script)
      """)
    return fixture
  }

  /// The words of `text` as pieces, each with a vector of its own.
  static func pieces(_ key: RowKey, _ text: String, _ vector: (Int) -> [Float] = { [Float($0 + 1), 0, 1] })
    -> [EmbeddedRow]
  {
    let words = text.split(separator: " ")
    return words.enumerated().map { number, word in
      let start = text.distance(from: text.startIndex, to: word.startIndex)
      return EmbeddedRow(
        key: key, digest: TextDigest(of: text), vector: vector(number)[...],
        piece: Piece(number: number, of: words.count, range: start..<start + word.count))
    }
  }

  static func store(_ fixture: StoreFixture) async throws -> PostgresMessageStore {
    let store = try await fixture.openImpatient(lockTimeout: .milliseconds(100), writers: 2)
    _ = try await store.inspect(source, dimensions: 3)
    return store
  }

  /// The pieces of a row as SQL finds them in its text, in their order.
  static func stored(_ fixture: StoreFixture, _ key: Int, in text: String = "content") async throws -> [String] {
    try await fixture.run(
      """
      SELECT substr(\(text), start + 1, "end" - start) FROM message_pieces JOIN messages USING (id)
      WHERE id = \(key) ORDER BY number
      """
    ).map { $0[0] ?? "" }
  }

  @Test(arguments: StoreKind.postgres)
  func `a row lacks its pieces until all of its text are there, and again once it is edited`(_ kind: StoreKind)
    async throws
  {
    let fixture = try await Self.fixture(kind)
    let store = try await Self.store(fixture)
    func missing() async throws -> [RowKey] {
      try await store.page(of: Self.source, PageRequest(limit: 10, leavesOutBlank: true)).messages.map(\.key)
    }
    #expect(try await missing() == [1, 2])
    #expect(try await store.countRemaining(in: Self.source) == 4)
    let outcome = try await store.write(
      Self.pieces(1, "one two three") + Self.pieces(2, "four five six"), to: Self.source)
    #expect(outcome.written == [1, 2])
    #expect(try await missing() == [])
    #expect(try await store.countRemaining(in: Self.source) == 2)
    #expect(try await Self.stored(fixture, 1) == ["one", "two", "three"])
    try await fixture.run("UPDATE messages SET content = 'éa 👨‍👩‍👧 c' WHERE id = 1")
    #expect(try await missing() == [1])
    #expect(try await fixture.run("SELECT 1 FROM message_pieces WHERE id = 1").count == 3)
    let range = 0..<Array("éa 👨‍👩‍👧".unicodeScalars).count
    let edited = EmbeddedRow(
      key: 1, digest: TextDigest(of: "éa 👨‍👩‍👧 c"), vector: [1, 2, 3], piece: Piece(number: 0, of: 1, range: range))
    #expect(try await store.write([edited], to: Self.source).written == [1])
    #expect(try await Self.stored(fixture, 1) == ["éa 👨‍👩‍👧"])
    await store.close()
  }

  @Test(
    arguments: StoreKind.postgres,
    ["UPDATE messages SET content = 'other' WHERE id = 1", "DELETE FROM messages WHERE id = 1"])
  func `an edit or a deletion between the reading and the write leaves the former pieces alone`(
    _ kind: StoreKind, _ change: String
  ) async throws {
    let fixture = try await Self.fixture(kind)
    let store = try await Self.store(fixture)
    _ = try await store.write(Self.pieces(1, "one two three"), to: Self.source)
    let isDeleted = change.hasPrefix("DELETE")
    try await fixture.run(change)
    let outcome = try await store.write(
      Self.pieces(1, "one two three") + Self.pieces(2, "four five six"), to: Self.source)
    #expect(outcome.written == [2])
    #expect(outcome.locked.isEmpty && outcome.refused.isEmpty && outcome.unfilled.isEmpty)
    #expect(try await fixture.run("SELECT 1 FROM message_pieces WHERE id = 1").count == (isDeleted ? 0 : 3))
    await store.close()
  }

  @Test(
    arguments: StoreKind.postgres,
    [
      "UPDATE messages SET content = 'other' WHERE id = 1", "DELETE FROM messages WHERE id = 1",
      "SELECT FROM messages WHERE id = 1 FOR UPDATE",
    ])
  func `a row that another transaction holds is left, and the others are written`(
    _ kind: StoreKind, _ script: String
  ) async throws {
    let fixture = try await Self.fixture(kind)
    let store = try await Self.store(fixture)
    let hold = try Hold(script, on: fixture.url)
    let outcome = try await store.write(
      Self.pieces(1, "one two three") + Self.pieces(2, "four five six"), to: Self.source)
    #expect(outcome.locked == [1])
    #expect(outcome.written == [2])
    #expect(outcome.lockHolders.hasPrefix("pid "))
    hold.release()
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a lock on the table of pieces keeps all rows, and none is lost`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(kind)
    let store = try await Self.store(fixture)
    let hold = try Hold("LOCK TABLE message_pieces IN SHARE MODE", on: fixture.url)
    let rows = Self.pieces(1, "one two three") + Self.pieces(2, "four five six")
    #expect(try await store.write(rows, to: Self.source).locked == [1, 2])
    hold.release()
    #expect(try await store.write(rows, to: Self.source).written == [1, 2])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a row whose pieces the database refuses keeps its former ones, and the others are written`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await Self.fixture(
      kind, "ALTER TABLE message_pieces ADD CONSTRAINT few CHECK (id <> 2 OR number < 2)")
    let store = try await Self.store(fixture)
    try await fixture.run("UPDATE messages SET content = 'four' WHERE id = 2")
    #expect(try await store.write(Self.pieces(2, "four"), to: Self.source).written == [2])
    try await fixture.run("UPDATE messages SET content = 'four five six' WHERE id = 2")
    let outcome = try await store.write(
      Self.pieces(1, "one two three") + Self.pieces(2, "four five six"), to: Self.source)
    #expect(outcome.written == [1])
    #expect(outcome.refused == [2: "the constraint few refuses it (SQLSTATE 23514)"])
    #expect(try await Self.stored(fixture, 2) == ["four"])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a trigger that keeps a piece from being inserted keeps all of its row's`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(
      kind,
      """
      CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.id = 2 AND NEW.number = 1 THEN RETURN NULL; END IF; RETURN NEW; END $$;
      CREATE TRIGGER dropper BEFORE INSERT ON message_pieces FOR EACH ROW EXECUTE FUNCTION drop_it()
      """)
    let store = try await Self.store(fixture)
    let outcome = try await store.write(
      Self.pieces(1, "one two three") + Self.pieces(2, "four five six"), to: Self.source)
    #expect(outcome.written == [1])
    #expect(outcome.unfilled == [2])
    #expect(outcome.hooks == "trigger dropper")
    #expect(try await fixture.run("SELECT 1 FROM message_pieces WHERE id = 2").isEmpty)
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a reader sees the pieces of one text, while two writers and an editor are at work`(_ kind: StoreKind)
    async throws
  {
    let fixture = try await Self.fixture(kind)
    let store = try await Self.store(fixture)
    let texts = ["one two three", "one two three four five"]
    let mixed = try await withThrowingTaskGroup(of: Int.self) { group in
      for writer in 0..<2 {
        group.addTask {
          for round in 0..<40 {
            let text = texts[(round + writer) % 2]
            if writer == 0 { try await fixture.run("UPDATE messages SET content = '\(text)' WHERE id = 1") }
            _ = try await store.write(Self.pieces(1, text), to: Self.source)
          }
          return 0
        }
      }
      group.addTask {
        var mixed = 0
        for _ in 0..<60 {
          let seen = try await fixture.run(
            "SELECT count(*), count(DISTINCT digest) FROM message_pieces WHERE id = 1")[0]
          if !["0 0", "3 1", "5 1"].contains("\(seen[0] ?? "") \(seen[1] ?? "")") { mixed += 1 }
        }
        return mixed
      }
      return try await group.reduce(0, +)
    }
    #expect(mixed == 0)
    #expect(try await fixture.run("SELECT 1 FROM message_pieces WHERE id = 1").isEmpty == false)
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a row that was edited to a blank text or to NULL loses its pieces, and no other row does`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await Self.fixture(kind)
    let store = try await Self.store(fixture)
    let rows = Self.pieces(1, "one two three") + Self.pieces(2, "four five six")
    _ = try await store.write(rows, to: Self.source)
    try await fixture.run("UPDATE messages SET content = NULL WHERE id = 1")
    try await store.removePieces(of: [1, 2, 3], in: Self.source)
    #expect(try await fixture.run("SELECT DISTINCT id FROM message_pieces").map { $0[0] } == ["2"])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a text that comes from another table is compared as it is once the row is locked`(_ kind: StoreKind)
    async throws
  {
    var source = Self.source
    source.text = .sql("(SELECT string_agg(line, ' ' ORDER BY n) FROM lines WHERE lines.message = messages.id)")
    let fixture = try await Self.fixture(
      kind,
      """
      CREATE TABLE lines (message bigint, n int, line text);
      INSERT INTO lines VALUES (1, 1, 'one'), (1, 2, 'two')
      """)
    let store = try await fixture.openImpatient()
    _ = try await store.inspect(source, dimensions: 3)
    func missing() async throws -> [String?] {
      try await store.page(of: source, PageRequest(limit: 5, leavesOutBlank: true)).messages.map(\.text)
    }
    #expect(try await missing() == ["one two"])
    #expect(try await store.write(Self.pieces(1, "one two"), to: source).written == [1])
    #expect(try await missing() == [])
    try await fixture.run("UPDATE lines SET line = 'three' WHERE n = 2")
    #expect(try await store.write(Self.pieces(1, "one two"), to: source).written == [])
    #expect(try await missing() == ["one three"])
    #expect(try await store.write(Self.pieces(1, "one three"), to: source).written == [1])
    #expect(try await store.nearest(to: [2, 0, 1], in: source, limit: 1).map(\.text) == ["three"])
    await store.close()
  }

  @Test func `a text column that is called like one of the pieces' columns is read from its own table`() async throws {
    var source = Self.source
    source.text = "digest"
    source.chunks?.table = "odd_pieces"
    source.table = "odd"
    let fixture = try await StoreFixture(bare: .postgres18, source: source)
    try await fixture.run(
      """
      CREATE TABLE odd (id bigint PRIMARY KEY, digest text, number int);
      INSERT INTO odd VALUES (1, 'one two', 7);
      CREATE TABLE odd_pieces (id bigint NOT NULL, number integer NOT NULL, start integer NOT NULL, "end" integer NOT NULL,
        digest bytea NOT NULL, embedding vector(3) NOT NULL, PRIMARY KEY (id, number))
      """)
    let store = try await fixture.openImpatient()
    _ = try await store.inspect(source, dimensions: 3)
    #expect(try await store.write(Self.pieces(1, "one two"), to: source).written == [1])
    #expect(try await store.page(of: source, PageRequest(limit: 5)).messages.isEmpty)
    #expect(try await store.nearest(to: [1, 0, 1], in: source, limit: 1).map(\.text) == ["one"])
    await store.close()
  }

  @Test(
    arguments: [
      ("DROP TABLE message_pieces", "message_pieces", "there is no such table", "`vecfill migrate up JOB` makes it"),
      (
        "ALTER TABLE message_pieces DROP COLUMN digest", "message_pieces.digest", "there is no such column",
        "`vecfill migrate up JOB` makes it"
      ),
    ])
  func `a table of pieces that is missing or another's is told before anything is paid`(
    _ script: String, _ subject: String, _ reason: String, _ remedy: String
  ) async throws {
    let fixture = try await Self.fixture(.postgres18, script)
    let store = try await fixture.openImpatient()
    await #expect(throws: Failure(.configuration, subject, reason, remedy: remedy)) {
      _ = try await store.inspect(Self.source, dimensions: 3)
    }
    await store.close()
  }

  @Test func `in SQLite texts can't be cut, and that is said`() async throws {
    let fixture = try await StoreFixture(.sqliteVector, source: Self.source)
    let store = try await fixture.open()
    await #expect(throws: Self.source.noPieces) { _ = try await store.inspect(Self.source, dimensions: 3) }
    await store.close()
  }
}
