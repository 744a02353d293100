import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// What a store says of a column as a whole: which one it is, what its vectors are made of, and a few of them.
@Suite struct ColumnRecordContractTests {
  static func fingerprint(_ model: String = "model") -> Fingerprint {
    Fingerprint(model: model, dimensions: 3, text: "content", preparation: TextPreparation())
  }

  /// Claims the column in a store of its own, which is closed afterwards.
  static func claim(
    _ fixture: StoreFixture, _ source: Source? = nil, url: String? = nil, record fingerprint: Fingerprint? = nil
  ) async throws -> ColumnClaim {
    let source = source ?? fixture.source
    let store = try await DatabaseURL(url ?? fixture.url).openMessageStore(applicationName: "vecfill tests")
    do {
      // The server may see the end of the former one a moment later.
      var claim: ColumnClaim?
      while claim == nil {
        do {
          claim = try await store.claim(source)
        } catch let failure as Failure where failure.exitCode == .locked {
          await Task.yield()
        }
      }
      if let fingerprint { #expect(try await store.record(fingerprint, of: source) == nil) }
      await store.close()
      return try #require(claim)
    } catch {
      await store.close()
      throw error
    }
  }

  @Test(arguments: StoreKind.allCases)
  func `a record is told to who claims the column next, until it is forgotten`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let first = try await Self.claim(fixture, record: Self.fingerprint())
    #expect(first.recorded == nil)
    #expect(first.warnings.isEmpty)
    let second = try await Self.claim(fixture, record: Self.fingerprint("other"))
    #expect(second == ColumnClaim(column: first.column, recorded: Self.fingerprint()))
    let store = try await fixture.open()
    #expect(try await store.column(of: fixture.source) == first.column)
    while (try? await store.claim(fixture.source)) == nil { await Task.yield() }
    #expect(try await store.claim(fixture.source).recorded == Self.fingerprint("other"))
    _ = try await store.forget(fixture.source)
    _ = try await store.forget(fixture.source)
    #expect(try await store.claim(fixture.source) == ColumnClaim(column: first.column))
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `another column of the table, and another table, have records of their own`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.run(
      """
      ALTER TABLE messages ADD COLUMN other \(fixture.vectorType(3));
      CREATE TABLE messages2 (id integer PRIMARY KEY, content text, embedding \(fixture.vectorType(3)))
      """)
    let sources = [fixture.source, Source(table: "messages", vector: "other"), Source(table: "messages2")]
    var columns: Set<ColumnIdentity> = []
    for (number, source) in sources.enumerated() {
      let claim = try await Self.claim(fixture, source, record: Self.fingerprint("\(number)"))
      #expect(claim.recorded == nil)
      columns.insert(claim.column)
    }
    #expect(columns.count == 3)
    // A table that takes another's name is not that one, and a column that is dropped takes its record with it.
    try await fixture.run("DROP TABLE messages2; ALTER TABLE messages DROP COLUMN embedding")
    try await fixture.run(
      """
      ALTER TABLE messages RENAME TO messages2; ALTER TABLE messages2 RENAME COLUMN other TO embedding;
      CREATE TABLE messages (id integer PRIMARY KEY, content text, embedding \(fixture.vectorType(3)))
      """)
    if kind.isPostgres {
      #expect(try await Self.claim(fixture, Source(table: "messages2")).recorded == Self.fingerprint("1"))
      #expect(try await Self.claim(fixture).recorded == nil)
    }
  }

  @Test(arguments: StoreKind.allCases)
  func `of rows with a vector those come without their text whose text is missing or long`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await StoreFixture(kind)
    let (most, long) = (String(repeating: "x", count: 4_000), String(repeating: "é", count: 2_001))
    try await fixture.insert([1: "one", 2: nil, 3: most, 4: long, 5: "", 6: "none"])
    for key in 1...5 { try await fixture.fill(.integer(Int64(key)), with: [Float(key), 0.5, 0]) }
    let store = try await fixture.open()
    let sample = try await store.filled(in: fixture.source, limit: 50)
    #expect(!sample.isTimedOut)
    let found = sample.rows.sorted { $0.vector[0] < $1.vector[0] }
    #expect(found.map(\.vector) == (1...5).map { [Float($0), 0.5, 0] })
    #expect(found.map(\.text) == ["one", nil, most, nil, ""])
    #expect(try await store.filled(in: fixture.source, limit: 2).rows.count == 2)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a key and a text are named as the database names them`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(bare: kind)
    try await fixture.run(
      """
      CREATE TABLE m (a integer NOT NULL, b text NOT NULL, "Body" text, embedding \(fixture.vectorType(3)),
        PRIMARY KEY (b, a))
      """)
    let store = try await fixture.open()
    for keys in [["id"], ["a", "b"], ["b", "a"]] {
      // A key is taken in the job's order by SQLite, and in any by PostgreSQL.
      guard kind.isPostgres || keys != ["a", "b"] else { continue }
      let named = try await store.named(Source(table: "m", keys: keys, text: "Body"))
      #expect(named.keys == ["b", "a"], "\(keys)")
      #expect(named.text == "Body")
    }
    if !kind.isPostgres {
      #expect(try await store.named(Source(table: "M", keys: ["B", "A"], text: "BODY")).text == "Body")
      #expect(try await store.named(Source(table: "m", keys: ["_ROWID_"], text: "body")).keys == ["rowid"])
    }
    await store.close()
  }

  @Test func `who may not ask for the system's number finds and leaves the same records`() async throws {
    let fixture = try await StoreFixture(.postgres16)
    let role = "plain_\(try #require(URL(string: fixture.url)?.lastPathComponent))"
    try await fixture.run(
      """
      REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; CREATE ROLE \(role) LOGIN;
      ALTER TABLE messages OWNER TO \(role); GRANT CREATE ON SCHEMA public TO \(role)
      """)
    let url = fixture.url.replacing("postgres@", with: "\(role)@")
    #expect(try await Self.claim(fixture, url: url, record: Self.fingerprint()).recorded == nil)
    let localhost = url.replacing("127.0.0.1", with: "localhost")
    #expect(try await Self.claim(fixture, url: localhost).recorded == Self.fingerprint())
    #expect(try await Self.claim(fixture, record: Self.fingerprint("other")).recorded == Self.fingerprint())
    #expect(try await Self.claim(fixture, url: url).recorded == Self.fingerprint("other"))
    try await fixture.run("DROP OWNED BY \(role); DROP ROLE \(role)")
  }
}
