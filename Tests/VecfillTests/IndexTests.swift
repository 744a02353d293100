import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// What real runs do with the vector indexes of the columns that they fill.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct IndexTests {
  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `with rebuild the indexes are gone during the load and back as they were after it`(
    engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await IndexScene.run(engine, "rebuild", gate: gate, held: 6) { (world) async throws in
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.poll("rows") { try await world.scene.database.count("embedding IS NOT NULL") >= 10 }
      #expect(world.original.count == 2)
      #expect(try await world.indexes() == [])
      #expect(try await world.recorded() == IndexScene.names)
      gate.open()
      let exit = await process.exit()
      try await world.expectDone(exit)
      #expect(exit.output.contains("indexes built        \(IndexScene.names.joined(separator: ", ")) in "))
      #expect(try await world.scene.wrongRows() == [])
      let analyzed = "SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL"
      #expect(try await world.scene.database.rows(analyzed) == [["2"]])
      let search = try await world.scene.start(["search", "chat_messages 7", "job.yaml", "--limit", "1"]).exit()
      #expect(search.output.contains("chat_messages 8  chat_messages 7\n"))
    }
  }

  @Test func `with keep the indexes stay, and for seconds saved no rebuild is advised`() async throws {
    try await IndexScene.run(.postgres18, "keep") { (world) async throws in
      let identities = "SELECT oid FROM pg_class WHERE relname LIKE 'idx%embedding%' ORDER BY oid"
      let before = try await world.scene.database.rows(identities)
      let exit = try await world.scene.fill()
      try await world.expectDone(exit)
      #expect(try await world.scene.database.rows(identities) == before)
      #expect(!exit.errors.contains("rebuil"), "\(exit.errors)")
      #expect(try await world.scene.database.rows("SELECT to_regclass('vecfill_index')") == [[nil]])
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `with after the indexes that are missing are built when the tables are filled`(
    engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await IndexScene.run(engine, "after", indexed: false, gate: gate) { (world) async throws in
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.server.wait { $0.inFlight == 4 }
      #expect(try await world.indexes() == [])
      gate.open()
      #expect(await process.exit().code == 0)
      let options = "USING hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"
      let built = ChatDatabase.tables.map { ["CREATE INDEX idx_\($0)_embedding_hnsw ON public.\($0) \(options)", "t"] }
      #expect(try await world.indexes() == built)
      let again = try await world.scene.fill()
      #expect(again.code == 0 && !again.output.contains("indexes built"))
      #expect(try await world.indexes() == built)
    }
  }

  @Test(arguments: ["rebuild", "keep"])
  func `an index on another column of the table counts as one on the column itself`(policy: String) async throws {
    try await IndexScene.run(.postgres18, policy, indexed: false) { (world) async throws in
      try await world.scene.database.run(
        """
        ALTER TABLE chat_messages ADD COLUMN title vector(3);
        CREATE INDEX titles ON chat_messages USING hnsw (title vector_cosine_ops)
        """)
      let before = try await world.indexes()
      let exit = try await world.scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await world.indexes() == before)
      let times = "with titles kept and 1 s with it rebuilt"
      #expect(exit.errors.contains(times) == (policy == "rebuild"), "\(exit.errors)")
      #expect(exit.output.contains("indexes built        titles in ") == (policy == "rebuild"))
      #expect(try await world.scene.wrongRows() == [])
    }
  }

  @Test(arguments: ["keep", "rebuild", "after"])
  func `pgvector may be in a schema off the search path`(policy: String) async throws {
    try await IndexScene.run(.postgres16, policy, indexed: policy != "after") { (world) async throws in
      try await world.scene.database.run("CREATE SCHEMA extensions; ALTER EXTENSION vector SET SCHEMA extensions")
      let before = try await world.indexes()
      let exit = try await world.scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      let after = try await world.indexes()
      #expect(after.count == 2 && after.allSatisfy { $0[0]?.contains("extensions.vector_cosine_ops") == true })
      #expect(policy == "after" || after == before)
      #expect(try await world.scene.wrongRows() == [])
      #expect(try await world.scene.fill().code == 0)
      let estimate = try await world.scene.start(["estimate", "job.yaml"]).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
    }
  }

  @Test func `with after an index that is there is enough`() async throws {
    try await IndexScene.run(.postgres16, "after") { (world) async throws in
      try await world.expectDone(try await world.scene.fill())
    }
  }

  @Test func `rows in quarantine keep no index away`() async throws {
    try await IndexScene.run(.postgres18, "rebuild", rules: [.poison { $0.hasSuffix(" 17") }]) { (world) async throws in
      try await world.expectDone(try await world.scene.fill(), code: 83)
    }
  }

  @Test func `a few new rows are written into the index`() async throws {
    try await IndexScene.run(.postgres18, "rebuild") { (world) async throws in
      try await world.expectDone(try await world.scene.fill())
      try await world.scene.database.insert(["new"])
      try await world.scene.database.insert((0..<200).map { _ in " " })
      let exit = try await world.scene.fill()
      try await world.expectDone(exit)
      #expect(!exit.output.contains("indexes built"))
      #expect(try await world.scene.wrongRows() == [])
    }
  }

  @Test func `SQLite has no vector index, and it is said`() async throws {
    try await IndexScene.run(.sqlite, "rebuild") { (world) async throws in
      let exit = try await world.scene.fill()
      #expect(exit.code == 0)
      #expect(exit.errors.contains("SQLite has no vector index: index.when rebuild does nothing here"))
    }
  }

  /// What is refused is refused before anything is dropped, asked for or paid.
  static func expectRefusal(
    _ world: IndexScene, _ changes: [String: String?] = [:], code: Int32, _ text: String
  ) async throws {
    let exit = try await world.scene.fill([], changes)
    #expect(exit.code == code)
    #expect(exit.errors.contains(text), "\(exit.errors)")
    #expect(world.scene.server.record.requests.isEmpty)
    #expect(try await world.indexes() == world.original)
    #expect(try await world.scene.status()?.state == .failed)
  }

  @Test func `a partitioned table's index after a load is refused before another is touched`() async throws {
    let policy = "after"
    try await Scene.run(.postgres18) { (scene) async throws in
      try await scene.database.insert((0..<30).map { "message \($0)" })
      try await scene.database.run(
        """
        CREATE TABLE parts (id int PRIMARY KEY, content text, embedding vector(8)) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
        CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
        INSERT INTO parts SELECT i, 'row ' || i FROM generate_series(1, 150) i
        """)
      let spec = "sources: [{table: chat_messages}, {table: parts}]\nmodel: text-embedding-3-small\ndimensions: 8\n"
      try scene.write(spec: spec + "index: {when: \(policy)}")
      let world = IndexScene(scene: scene, original: try await IndexScene.indexes(of: scene))
      try await Self.expectRefusal(
        world, code: 78,
        "parts: PostgreSQL builds no index on a partitioned table concurrently; set index: {when: keep}")
      try scene.write(spec: spec)
      try await world.expectDone(try await scene.fill())
      #expect(try await scene.database.count("embedding IS NULL", in: "parts") == 0)
    }
  }

  @Test func `who doesn't own the table is told before the load`() async throws {
    try await IndexScene.run(.postgres16, "rebuild") { (world) async throws in
      let role = "filler_\(UUID().uuidString.prefix(8).lowercased())"
      try await world.scene.database.run(
        "CREATE ROLE \(role) LOGIN; GRANT SELECT, UPDATE ON chat_messages, standalone_chat_messages TO \(role)")
      let url = world.scene.database.url.replacing("postgres@", with: "\(role)@")
      try await Self.expectRefusal(
        world, ["DATABASE_URL": url], code: 77,
        "the role \(role) is not; name the owner in VECFILL_MIGRATION_DATABASE_URL")
      let owned = ["DATABASE_URL": url, "VECFILL_MIGRATION_DATABASE_URL": world.scene.database.url]
      let exit = try await world.scene.fill([], owned)
      try await world.expectDone(exit)
      #expect(exit.output.contains("indexes built"))
      try await world.scene.database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
    }
  }

  @Test func `behind a pooler the database's own address is used, and refused if it is another's`() async throws {
    try await IndexScene.run(.postgres18, "rebuild") { (world) async throws in
      let url = try #require(URL(string: world.scene.database.url))
      let database = PostgresDatabase(port: try #require(url.port), name: url.lastPathComponent)
      let pooler = try await PgBouncer(before: database, mode: .transaction)
      try await Self.expectRefusal(
        world, ["DATABASE_URL": pooler.url], code: 78, "a pooler in transaction mode, as PgBouncer has it")
      let other = try await PostgresCluster.shared(.eighteen).freshDatabase()
      let wrong = ["DATABASE_URL": pooler.url, "VECFILL_MIGRATION_DATABASE_URL": other.url]
      try await Self.expectRefusal(world, wrong, code: 78, "it is the address of another database than DATABASE_URL")
      let exit = try await world.scene.fill(
        ["--migration-database-url", database.url], ["DATABASE_URL": pooler.url])
      try await world.expectDone(exit)
      #expect(exit.output.contains("indexes built"))
    }
  }
}
