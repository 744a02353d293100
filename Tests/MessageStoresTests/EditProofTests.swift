import Backfill
import Foundation
import MessageStores
import PgVector
import TestSupport
import Testing

/// When the marks of a trigger are trusted to tell of all edited rows, and when each text is compared with its digest.
@Suite struct EditProofTests {
  private typealias Edits = EditedRowsContractTests

  /// Four filled rows whose edits a trigger marks, after a complete search. The last one has the digest of another text,
  /// which only another complete search finds.
  private static func searched(_ kind: StoreKind, partitioned: Bool = false) async throws -> StoreFixture {
    let fixture = try await Edits.fixture(kind, marked: !partitioned)
    if partitioned {
      try await fixture.run(
        """
        CREATE TABLE parts (LIKE messages INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        DROP TABLE messages;
        ALTER TABLE parts RENAME TO messages;
        CREATE TABLE low PARTITION OF messages FOR VALUES FROM (0) TO (3);
        CREATE TABLE high PARTITION OF messages FOR VALUES FROM (3) TO (100) PARTITION BY RANGE (id);
        CREATE TABLE higher PARTITION OF high FOR VALUES FROM (3) TO (50);
        """)
      try await fixture.run(Edits.marking(kind))
    }
    let texts = ["one", "two", "three", "four"]
    try await fixture.insert(texts.enumerated().map { (.integer(Int64($0 + 1)), $1) })
    try await opening(fixture) { store in
      try await Edits.search(Edits.source, store)
      let rows = texts.enumerated().map { EmbeddedRow(.integer(Int64($0 + 1)), $1, [1, 1, 1]) }
      #expect(try await store.write(rows, to: Edits.source).written.count == 4)
    }
    try await fixture.run(
      "UPDATE messages SET embedding_digest = \(kind.isPostgres ? "'\\x07'" : "x'07'") WHERE id = 4")
    return fixture
  }

  /// The store of another process.
  private static func opening<Value>(
    _ fixture: StoreFixture, _ body: (any MessageStore) async throws -> Value
  ) async throws -> Value {
    let store = try await fixture.open()
    _ = try await store.inspect(Edits.source, dimensions: 3)
    let value = try await body(store)
    await store.close()
    return value
  }

  /// The edited rows that the next process finds; `isEnded` says that they got their vectors.
  private static func found(_ fixture: StoreFixture, isEnded: Bool = false) async throws -> [RowKey] {
    try await opening(fixture) { store in
      try await store.claim(Edits.source)
      try await store.beginEditSearch(of: Edits.source, after: nil)
      let found = try await Edits.edited(store)
      let rows = found.map { EmbeddedRow($0.key, $0.text ?? "", [2, 2, 2]) }
      if isEnded {
        #expect(try await store.write(rows, to: Edits.source).written.count == rows.count)
        _ = try await store.endEditSearch(of: Edits.source)
        #expect(try await Edits.edited(store) == [])
      }
      return found.map(\.key)
    }
  }

  @Test(arguments: StoreKind.allCases)
  func `after a complete search only marked rows are looked at, in any process`(_ kind: StoreKind) async throws {
    let fixture = try await Self.searched(kind)
    #expect(try await Self.found(fixture) == [])
    try await fixture.run("UPDATE messages SET content = 'seen' WHERE id = 2")
    #expect(try await Self.found(fixture) == [2])
  }

  /// Why a trigger has not seen an edit.
  enum Gap: CaseIterable { case dropped, off, anotherFunction }

  @Test(
    arguments: StoreKind.allCases.flatMap { kind in
      (kind.isPostgres ? Gap.allCases : [.dropped]).map { (kind, $0) }
    })
  func `an edit that the trigger has not seen is found by one more complete search`(_ kind: StoreKind, _ gap: Gap)
    async throws
  {
    let fixture = try await Self.searched(kind)
    let name = TriggerName.of(Edits.source, TriggerName.Suffix.stale).plain
    let edit = "UPDATE messages SET content = 'unseen' WHERE id = 2"
    switch gap {
    case .dropped:
      let made = try await fixture.run(
        kind.isPostgres
          ? "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = '\(name)'"
          : "SELECT sql FROM sqlite_master WHERE name = '\(name)'")
      try await fixture.run("DROP TRIGGER \(name)\(kind.isPostgres ? " ON messages" : "")")
      try await fixture.run(edit)
      try await fixture.run(try #require(made.first?.first ?? nil))
    case .off:
      try await fixture.run(
        "ALTER TABLE messages DISABLE TRIGGER USER; \(edit); ALTER TABLE messages ENABLE TRIGGER USER")
    case .anotherFunction:
      let made = try await fixture.run("SELECT pg_get_functiondef('\(name)'::regproc)")
      try await fixture.run(
        """
        CREATE OR REPLACE FUNCTION \(name)() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \(edit);
        \(try #require(made.first?.first ?? nil))
        """)
    }
    // A search that does not end proves nothing.
    #expect(try await Self.found(fixture) == [2, 4])
    #expect(try await Self.found(fixture, isEnded: true) == [2, 4])
    try await fixture.run(
      "UPDATE messages SET embedding_digest = \(kind.isPostgres ? "'\\x07'" : "x'07'") WHERE id = 4")
    #expect(try await Self.found(fixture) == [])
  }

  /// What becomes of a partitioned table's parts, and the rows that the next search finds: the fourth one only if it is
  /// complete.
  static let parts: [(script: String, found: [RowKey])] = [
    ("CREATE TABLE late PARTITION OF messages FOR VALUES FROM (100) TO (200)", []),
    ("CREATE TABLE late PARTITION OF high FOR VALUES FROM (50) TO (100)", []),
    ("ALTER TABLE messages DISABLE TRIGGER USER; ALTER TABLE messages ENABLE TRIGGER USER", [4]),
    (
      """
      ALTER TABLE messages DETACH PARTITION low; UPDATE low SET content = 'unseen' WHERE id = 2;
      ALTER TABLE messages ATTACH PARTITION low FOR VALUES FROM (0) TO (3)
      """, [2, 4]
    ),
    (
      """
      ALTER TABLE messages DETACH PARTITION high; UPDATE high SET content = 'unseen' WHERE id = 3;
      ALTER TABLE messages ATTACH PARTITION high FOR VALUES FROM (3) TO (100)
      """, [3, 4]
    ),
    (
      """
      CREATE TABLE copy (LIKE messages INCLUDING ALL);
      INSERT INTO copy SELECT * FROM low; UPDATE copy SET content = 'unseen' WHERE id = 1;
      ALTER TABLE messages DETACH PARTITION low; ALTER TABLE messages ATTACH PARTITION copy FOR VALUES FROM (0) TO (3)
      """, [1, 4]
    ),
  ]

  @Test(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"), arguments: parts)
  func `a partition that is attached leads to a complete search, and one that is made as such does not`(
    _ part: (script: String, found: [RowKey])
  ) async throws {
    let fixture = try await Self.searched(.postgres18, partitioned: true)
    #expect(try await Self.found(fixture) == [])
    for statement in part.script.split(separator: ";") { try await fixture.run(String(statement)) }
    #expect(try await Self.found(fixture, isEnded: true) == part.found)
    #expect(try await Self.found(fixture) == [])
  }

  /// Ways in which other columns get the names of the text's, without the trigger that follows the former ones, and the
  /// rows whose text is another then.
  static let replacements: [(script: String, others: [RowKey])] = [
    (
      """
      ALTER TABLE messages ADD COLUMN content_new text; UPDATE messages SET content_new = content;
      ALTER TABLE messages RENAME COLUMN content TO content_old;
      ALTER TABLE messages RENAME COLUMN content_new TO content; UPDATE messages SET content = 'unseen' WHERE id = 2
      """, [2, 4]
    ),
    (
      """
      ALTER TABLE messages RENAME COLUMN content TO other; ALTER TABLE messages RENAME COLUMN role TO content;
      ALTER TABLE messages RENAME COLUMN other TO role
      """, [1, 2, 3, 4]
    ),
  ]

  @Test(arguments: StoreKind.allCases, replacements)
  func `while the trigger watches a column of another name, each text is compared, and the remedy is told`(
    _ kind: StoreKind, _ replacement: (script: String, others: [RowKey])
  ) async throws {
    let fixture = try await Self.searched(kind)
    try await fixture.run(replacement.script)
    #expect(try await Self.found(fixture, isEnded: true) == replacement.others)
    try await fixture.run("UPDATE messages SET content = 'edited' WHERE id = 3")
    #expect(try await Self.found(fixture) == [3])
    let store = try await fixture.open()
    let shape = try await store.inspect(Edits.source, dimensions: 3)
    #expect(shape.warnings.contains { $0.contains("`vecfill migrate up JOB` makes both") })
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a run without digests, and a search of some rows alone, leave no proof for all of them`(_ kind: StoreKind)
    async throws
  {
    let fixture = try await Self.searched(kind)
    var plain = Edits.source
    plain.edits = .ignore
    try await Self.opening(fixture) { [plain] store in
      _ = try await store.inspect(plain, dimensions: 3)
      try await store.claim(plain)
    }
    #expect(try await Self.found(fixture) == [4])
    var some = Edits.source
    some.condition = "id < 4"
    try await Self.opening(fixture) { [some] in try await Edits.search(some, $0) }
    #expect(try await Self.found(fixture) == [4])
  }

  /// How a blank row is known to have a vector of an earlier text.
  static let unseen = StoreKind.allCases.flatMap { kind in
    (kind.isPostgres ? [false, true] : [false]).map { (kind, $0) }
  }

  @Test(arguments: unseen)
  func `where no trigger sees it, a row that was edited to a blank text loses its vector, and no other does`(
    _ kind: StoreKind, _ isApart: Bool
  ) async throws {
    var source = Edits.source
    source.keepsDigestsApart = isApart
    let fixture = try await Edits.fixture(kind, marked: false)
    if isApart {
      try await fixture.run(
        "CREATE TABLE vecfill_digest_messages_embedding (id bigint PRIMARY KEY, digest bytea NOT NULL)")
    }
    try await fixture.insert((1...6).map { (.integer($0), "text \($0)") })
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    // The last one has no digest, and counts as current.
    try await fixture.fill(6, with: [6, 6, 6])
    let rows = (1...5).map { EmbeddedRow(.integer($0), "text \($0)", [1, 1, 1]) }
    #expect(try await store.write(rows, to: source).written.count == 5)
    try await fixture.run(
      """
      UPDATE messages SET content = '' WHERE id = 1; UPDATE messages SET content = NULL WHERE id IN (2, 6);
      UPDATE messages SET content = ' ' WHERE id = 3; UPDATE messages SET content = 'new' WHERE id = 4;
      """)
    var request = PageRequest(limit: 10)
    request.rows = .edited
    try await store.beginEditSearch(of: source, after: nil)
    let found = try await store.page(of: source, request).messages
    #expect(found.map(\.key) == [1, 2, 3, 4])
    #expect(found.filter(\.isBlank).map(\.key) == [1, 2, 3])
    // Whoever asks for it: a row whose vector is of its text keeps it.
    try await store.emptyVectors(of: [1, 2, 3, 5, 6], in: source)
    #expect(try await fixture.vectors().keys.sorted() == ["4", "5", "6"])
    #expect(try await store.page(of: source, request).messages.map(\.key) == [4])
    await store.close()
  }
}
