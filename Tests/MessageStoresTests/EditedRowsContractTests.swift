import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// Rows with a vector of an earlier text: `edits: digest`.
@Suite struct EditedRowsContractTests {
  static let source = {
    var source = Source(table: "messages", text: "content")
    source.edits = .digest
    return source
  }()

  static let edited: PageRequest = {
    var request = PageRequest(limit: 2)
    request.rows = .edited
    return request
  }()

  /// The table with its column of digests, and with `marked` what `migrate up` makes to find edited rows by: here the marks
  /// themselves are the test's.
  static func fixture(_ kind: StoreKind, marked: Bool) async throws -> StoreFixture {
    let fixture = try await StoreFixture(kind, source: source)
    let digest = "embedding_digest"
    try await fixture.run("ALTER TABLE messages ADD COLUMN \(digest) \(kind.isPostgres ? "bytea" : "BLOB")")
    if marked { try await fixture.run(marking(kind)) }
    return fixture
  }

  /// What marks the edited rows.
  static func marking(_ kind: StoreKind) -> String {
    let digest = "embedding_digest"
    let name = TriggerName.of(source, TriggerName.Suffix.stale).plain
    let index = IndexName.of(source, IndexName.Suffix.edited).plain
    return kind.isPostgres
      ? """
      CREATE INDEX \(index) ON messages (id) WHERE \(MarkedRowsIndex.predicate(digest: digest));
      CREATE FUNCTION \(name)() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW."\(digest)" := ''; RETURN NEW; END $$;
      CREATE TRIGGER \(name) BEFORE UPDATE ON messages FOR EACH ROW
        WHEN (OLD.embedding IS NOT NULL AND OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION \(name)();
      """
      : """
      CREATE INDEX \(index) ON messages (id) WHERE \(digest) = x'';
      CREATE TRIGGER \(name) AFTER UPDATE ON messages
        WHEN OLD.embedding IS NOT NULL AND OLD."content" IS NOT NEW."content"
        BEGIN UPDATE messages SET \(digest) = x'' WHERE id = NEW.id; END;
      """
  }

  /// A complete search, after which the marks tell of all edited rows.
  static func search(_ source: Source, _ store: any MessageStore) async throws {
    _ = try await store.inspect(source, dimensions: 3)
    try await store.claim(source)
    let fingerprint = Fingerprint(model: "m", dimensions: 3, text: source.text, preparation: TextPreparation())
    #expect(try await store.record(fingerprint, of: source) == nil)
    try await store.beginEditSearch(of: source, after: nil)
    _ = try await store.endEditSearch(of: source)
  }

  static func edited(_ store: any MessageStore) async throws -> [Message] {
    try await store.pages(of: source, edited).flatMap(\.messages)
  }

  @Test(arguments: StoreKind.allCases, [false, true])
  func `a row whose text was edited is found, keeps its vector until the new one is there, and is current then`(
    _ kind: StoreKind, _ isMarked: Bool
  ) async throws {
    let fixture = try await Self.fixture(kind, marked: isMarked)
    try await fixture.insert([1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"])
    // Filled before edits were looked for.
    try await fixture.fill(6, with: [6, 6, 6])
    let store = try await fixture.open()
    let shape = try await store.inspect(Self.source, dimensions: 3)
    #expect(shape.warnings.contains { $0.contains("no trigger and index find the edited texts") } != isMarked)
    try await Self.search(Self.source, store)
    let rows = ["one", "two", "three", "four", "five"].enumerated().map { index, text in
      EmbeddedRow(.integer(Int64(index + 1)), text, [1, 1, 1])
    }
    #expect(try await store.write(rows, to: Self.source).written == [1, 2, 3, 4, 5])
    #expect(try await Self.edited(store) == [])
    #expect(try await store.countRemaining(in: Self.source) == 0)
    try await fixture.run(
      """
      UPDATE messages SET content = 'two, edited' WHERE id = 2;
      UPDATE messages SET content = 'four, edited', role = 'x' WHERE id = 4;
      UPDATE messages SET content = '  ' WHERE id = 5;
      UPDATE messages SET role = 'x' WHERE id = 1;
      UPDATE messages SET content = 'six, edited' WHERE id = 6;
      """)
    // Without the trigger nobody can tell that the last one was edited.
    let expected: [(RowKey, String?)] =
      [(2, "two, edited"), (4, "four, edited"), (5, nil)] + (isMarked ? [(6, "six, edited")] : [])
    #expect(try await Self.edited(store) == expected.map { Message(key: $0.0, text: $0.1) })
    #expect(try await store.countRemaining(in: Self.source) == (isMarked ? 4 : 0))
    #expect(try await fixture.vectors().count == 6)

    // A vector of the earlier text comes too late.
    #expect(try await store.write([EmbeddedRow(2, "two", [2, 2, 2])], to: Self.source).written == [])
    let new = [EmbeddedRow(2, "two, edited", [2, 2, 2]), EmbeddedRow(4, "four, edited", [4, 4, 4])]
    #expect(try await store.write(new, to: Self.source).written == [2, 4])
    #expect(try await Self.edited(store).map(\.key) == (isMarked ? [5, 6] : [5]))
    #expect(try await store.write(new, to: Self.source).written == [])
    let vectors = try await fixture.vectors()
    #expect([vectors["1"], vectors["2"], vectors["4"]] == [[1, 1, 1], [2, 2, 2], [4, 4, 4]])
    let digests = try await fixture.run(
      "SELECT \(kind.isPostgres ? "upper(encode(embedding_digest, 'hex'))" : "embedding_digest") FROM messages WHERE id = 2"
    )
    #expect(digests == [[TextDigest(of: "two, edited").bytes.hex.uppercased()]])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a vector that nobody knows the text of is taken for the present one's`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(kind, marked: false)
    try await fixture.insert([1: "one", 2: "two"])
    try await fixture.fill(1, with: [1, 1, 1])
    let store = try await fixture.open()
    #expect(try await Self.edited(store) == [])
    #expect(try await store.write([EmbeddedRow(1, "one", [9, 9, 9])], to: Self.source).written == [])
    #expect(try await fixture.vectors() == ["1": [1, 1, 1]])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases, [false, true])
  func `the source's condition holds for edited rows too, and the range`(_ kind: StoreKind, _ isMarked: Bool)
    async throws
  {
    let fixture = try await Self.fixture(kind, marked: isMarked)
    var source = Self.source
    source.condition = "role = 'user' -- not the others"
    try await fixture.insert([1: "one", 2: "two", 3: "three"])
    let store = try await fixture.open()
    try await Self.search(source, store)
    let rows = ["one", "two", "three"].enumerated().map { EmbeddedRow(.integer(Int64($0 + 1)), $1, [1, 1, 1]) }
    #expect(try await store.write(rows, to: source).written.count == 3)
    try await fixture.run("UPDATE messages SET content = 'new', role = CASE id WHEN 2 THEN 'system' ELSE role END")
    #expect(try await store.pages(of: source, Self.edited).flatMap(\.messages).map(\.key) == [1, 3])
    var request = Self.edited
    (request.after, request.through) = (1, 2)
    #expect(try await store.pages(of: source, request).flatMap(\.messages) == [])
    let new = (1...3).map { EmbeddedRow(.integer(Int64($0)), "new", [2, 2, 2]) }
    #expect(try await store.write(new, to: source).written == [1, 3])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a table without the column is refused with what makes it`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind, source: Self.source)
    let store = try await fixture.open()
    let failure = await #expect(throws: Failure.self) { try await store.inspect(Self.source, dimensions: 3) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.subject == "messages.embedding_digest")
    #expect(failure?.remedy?.contains("migrate up JOB") == true)
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a text that can't be read stops no other edited row`(_ kind: StoreKind) async throws {
    let fixture = try await Self.fixture(kind, marked: false)
    try await fixture.insert([1: "one", 2: "two", 3: "three"])
    let store = try await fixture.open()
    let rows = ["one", "two", "three"].enumerated().map { EmbeddedRow(.integer(Int64($0 + 1)), $1, [1, 1, 1]) }
    _ = try await store.write(rows, to: Self.source)
    try await fixture.run("UPDATE messages SET content = content || ', edited'")
    var source = Self.source
    // Fails for one row alone, as a damaged value does.
    source.condition = "CASE id WHEN 2 THEN 1 / (id - 2) ELSE 1 END = 1"
    await #expect(throws: Failure.self) { try await store.pages(of: source, Self.edited) }
    #expect(try await Self.edited(store).map(\.key) == [1, 2, 3])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `waiting for changes ends after its time, or when the task is cancelled, with no transaction open`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await Self.fixture(kind, marked: false)
    var source = Self.source
    source.notifies = kind.isPostgres
    let store = try await fixture.open(applicationName: "vecfill waits")
    _ = try await store.inspect(source, dimensions: 3)
    // It has just begun to listen, and what came before is told by nobody.
    _ = try await store.waitForChanges(of: [source], atMost: .milliseconds(10))
    #expect(try await !store.waitForChanges(of: [source], atMost: .milliseconds(50)))
    let waiting = Task { [source] in try await store.waitForChanges(of: [source], atMost: .seconds(600)) }
    if kind.isPostgres {
      let open = try await fixture.run(
        """
        SELECT state FROM pg_stat_activity WHERE application_name = 'vecfill waits' AND state LIKE '%transaction%'
        """)
      #expect(open == [])
      let channel = TriggerName.channel(of: source)
      try await fixture.run("NOTIFY \"\(channel)\"")
      #expect(try await waiting.value)
      let again = Task { [source] in try await store.waitForChanges(of: [source], atMost: .seconds(600)) }
      // Its session is ended: it waits on without being told, or has a look once it listens anew.
      try await fixture.run(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'vecfill waits' AND query LIKE 'LISTEN%'
        """)
      again.cancel()
      switch await again.result {
      case .success(let isToLook): #expect(isToLook)
      case .failure(let error): #expect(error is CancellationError, "\(error)")
      }
    } else {
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
    await store.close()
  }
}
