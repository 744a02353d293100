import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// The table of received replies in PostgreSQL, seen past the ledger that makes them.
@Suite(.enabled(if: Helper.postgres.isUsable, "PostgreSQL is not installed")) struct PostgresSpoolTests {
  static func open(
    _ fixture: StoreFixture, as role: String = "postgres", shard: Int? = nil, _ column: ColumnIdentity? = nil
  ) async throws -> any DatabaseSpool {
    let store = try await fixture.open()
    let known = try await store.column(of: fixture.source)
    await store.close()
    let column = try column ?? #require(known)
    return try await DatabaseURL(fixture.url.replacing("postgres@", with: "\(role)@")).openSpool(
      of: [(fixture.source, column)], shard: shard, applicationName: "vecfill tests")
  }

  static func entry(_ column: ColumnIdentity, _ number: Int, run: UUID = UUID(), dimensions: Int = 3) -> SpoolEntry {
    SpoolEntry(
      id: SpoolEntry.ID(column: column, run: run, number: number), format: 1, rows: 2, fingerprint: "{\"a\":\"ü\"}",
      key: "id", receipt: "{}", contents: Data("rows \(number)".utf8),
      vectors: Vectors(dimensions: dimensions, values: (0..<2 * dimensions).map { Float($0) - 0.5 }),
      checksum: Data([0, 1, 255]))
  }

  static func column(_ fixture: StoreFixture) async throws -> ColumnIdentity {
    let store = try await fixture.open()
    let column = try await store.column(of: fixture.source)
    await store.close()
    return try #require(column)
  }

  @Test(arguments: StoreKind.postgres)
  func `what is put is there whole, side by side and twice, until it is removed`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let column = try await Self.column(fixture)
    // The table is made by all at once.
    let spools = try await withThrowingTaskGroup(of: (any DatabaseSpool).self) { group in
      for _ in 0..<6 { group.addTask { try await Self.open(fixture) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(spools.count == 6)
    let entries = (1...40).map { Self.entry(column, $0, dimensions: $0 == 7 ? 700_000 : 3) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for entry in entries + entries.prefix(3) { group.addTask { try await spools[0].put(entry) } }
      try await group.waitForAll()
    }
    let heads = try await spools[1].heads()
    #expect(Set(heads.map(\.id)) == Set(entries.map(\.id)))
    #expect(heads.allSatisfy { $0.rows == 2 && abs($0.receivedAt.timeIntervalSinceNow) < 600 })
    for entry in entries {
      let found = try #require(try await spools[1].entry(entry.id))
      #expect(found.vectors == entry.vectors && found.contents == entry.contents && found.checksum == entry.checksum)
      #expect(found.fingerprint == entry.fingerprint && found.key == "id" && found.receipt == "{}" && found.format == 1)
    }
    let waiting = try await DatabaseURL(fixture.url).spoolWaiting(for: [fixture.source], applicationName: "a")
    #expect(waiting == SpoolWaiting(replies: 40, rows: 80))
    try await spools[2].remove(entries.dropFirst().map(\.id))
    #expect(try await spools[0].heads().map(\.id) == [entries[0].id])
    #expect(try await spools[0].entry(entries[1].id) == nil)
    for spool in spools { await spool.close() }
  }

  @Test func `a shard sees its own replies, and none while some wait that no shard has received; the whole sees all`()
    async throws
  {
    let fixture = try await StoreFixture(.postgres16)
    let column = try await Self.column(fixture)
    let (whole, shards) = (
      try await Self.open(fixture), [try await Self.open(fixture, shard: 0), try await Self.open(fixture, shard: 1)]
    )
    let entries = (0..<3).map { Self.entry(column, $0) }
    for shard in 0..<2 { try await shards[shard].put(entries[shard]) }
    for shard in 0..<2 { #expect(try await shards[shard].heads().map(\.id) == [entries[shard].id]) }
    #expect(try await Set(whole.heads().map(\.id)) == Set(entries.prefix(2).map(\.id)))
    try await whole.put(entries[2])
    for shard in 0..<2 {
      let failure = await #expect(throws: Failure.self) { _ = try await shards[shard].heads() }
      #expect(failure?.exitCode == .configuration && failure?.reason.contains("vectors of 2 rows") == true)
    }
    try await whole.remove([entries[2].id])
    for shard in 0..<2 { #expect(try await shards[shard].heads().count == 1) }
    for spool in shards + [whole] { await spool.close() }
  }

  /// The lock by which a column is claimed is another connection's, and free as soon as that has ended.
  @Test(arguments: [nil, 1])
  func `what a process that is gone has sent, and the server has yet to commit, is waited for`(
    shard: Int?
  ) async throws {
    let fixture = try await StoreFixture(.postgres16)
    let column = try await Self.column(fixture)
    let (gone, next) = (try await Self.open(fixture, shard: shard), try await Self.open(fixture, shard: shard))
    let hold = try Hold("LOCK TABLE vecfill_spool IN SHARE MODE", on: fixture.url)
    func waits(_ event: String) async throws -> Bool {
      try await fixture.run(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE \(event) AND datname = current_database()")[0][0] == "t"
    }
    let entry = Self.entry(column, 1)
    let put = Task { try await gone.put(entry) }
    while try await !waits("wait_event_type = 'Lock'") {}
    let isDone = Locked(false)
    let heads = Task {
      defer { isDone.withLock { $0 = true } }
      return try await next.heads()
    }
    while try await !waits("wait_event = 'PgSleep'") { if isDone.withLock(\.self) { break } }
    hold.release()
    try await put.value
    #expect(try await heads.value.map(\.id) == [entry.id])
    for spool in [gone, next] { await spool.close() }
  }

  /// As a process that is stopped between the parts of a large entry.
  @Test func `one that stands still while it adds stops no other`() async throws {
    let fixture = try await StoreFixture(.postgres16)
    let column = try await Self.column(fixture)
    let (next, other) = (try await Self.open(fixture, shard: 1), try await Self.open(fixture, shard: 2))
    let hold = try Hold("LOCK TABLE vecfill_spool IN ROW EXCLUSIVE MODE", on: fixture.url)
    let heads = Task { try await next.heads() }
    try await other.put(Self.entry(column, 1))
    #expect(try await heads.value.isEmpty)
    hold.release()
    for spool in [next, other] { await spool.close() }
  }

  @Test func `what was left in another schema comes along, and what is of a dropped column goes`() async throws {
    let fixture = try await StoreFixture(.postgres16)
    let column = try await Self.column(fixture)
    let spool = try await Self.open(fixture)
    try await spool.put(Self.entry(column, 1))
    await spool.close()
    try await fixture.run("CREATE SCHEMA old; ALTER TABLE vecfill_spool SET SCHEMA old")
    try await fixture.run(
      "CREATE TABLE vecfill_spool (LIKE old.vecfill_spool INCLUDING ALL); INSERT INTO vecfill_spool "
        + "SELECT database, 4000000000, column_number, run, 2, shard, format, rows, fingerprint, key_columns, receipt, "
        + "contents, dimensions, vectors, checksum, received_at, by FROM old.vecfill_spool")
    let moved = try await Self.open(fixture)
    #expect(try await moved.heads().map(\.id.number) == [1])
    #expect(try await fixture.run("SELECT count(*) FROM vecfill_spool")[0][0] == "1")
    await moved.close()
  }

  @Test func `a role that may not make the table is told how, and then works with it`() async throws {
    let fixture = try await StoreFixture(.postgres16)
    let column = try await Self.column(fixture)
    let role = "spool \(UUID().uuidString)"
    try await fixture.run("CREATE ROLE \"\(role)\" LOGIN; GRANT SELECT, UPDATE ON messages TO \"\(role)\"")
    let name = role.replacing(" ", with: "%20")
    let failure = await #expect(throws: Failure.self) { _ = try await Self.open(fixture, as: name, column) }
    #expect(failure?.exitCode == .denied)
    let remedy = try #require(failure?.remedy)
    #expect(!remedy.contains("\n"))
    let script = try #require(remedy.firstRange(of: "CREATE TABLE").map { String(remedy[$0.lowerBound...]) })
    try await fixture.run(script)
    let spool = try await Self.open(fixture, as: name, column)
    try await spool.put(Self.entry(column, 1))
    #expect(try await spool.heads().count == 1)
    await spool.close()
    try await fixture.run("REVOKE DELETE ON vecfill_spool FROM \"\(role)\"")
    let revoked = await #expect(throws: Failure.self) { _ = try await Self.open(fixture, as: name, column) }
    #expect(revoked?.exitCode == .denied && revoked?.reason.contains("DELETE") == true)
  }

  @Test(arguments: ["ALTER TABLE vecfill_spool OWNER TO", "ALTER TABLE vecfill_spool ADD COLUMN a int; CREATE ROLE"])
  func `a table that another role could have made is not trusted`(change: String) async throws {
    let fixture = try await StoreFixture(.postgres18)
    let column = try await Self.column(fixture)
    let spool = try await Self.open(fixture)
    try await spool.put(Self.entry(column, 1))
    await spool.close()
    let role = "forger \(UUID().uuidString)"
    if change.hasSuffix("TO") { try await fixture.run("CREATE ROLE \"\(role)\"") }
    try await fixture.run("\(change) \"\(role)\"")
    let failure = await #expect(throws: Failure.self) { _ = try await Self.open(fixture, column) }
    #expect(failure?.exitCode == .configuration && failure?.reason.contains("not vecfill's own") == true)
    let waiting = try await DatabaseURL(fixture.url).spoolWaiting(for: [fixture.source], applicationName: "a")
    #expect(waiting == SpoolWaiting())
  }
}
