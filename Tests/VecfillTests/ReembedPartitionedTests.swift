import Backfill
import Foundation
import TestSupport
import Testing

/// `vecfill reembed` of a table in partitions, two levels deep, while an application works.
@Suite(.serialized) struct ReembedPartitionedTests {
  private static let tables = """
    DROP TABLE chat_messages;
    CREATE TABLE chat_messages (id serial PRIMARY KEY, insight_id int NOT NULL, user_id int NOT NULL,
      role varchar(20) NOT NULL, content text NOT NULL, was_truncated boolean NOT NULL DEFAULT false,
      created_at timestamptz DEFAULT now(), embedding vector(8)) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF chat_messages FOR VALUES FROM (0) TO (30);
    CREATE TABLE "Mid" PARTITION OF chat_messages FOR VALUES FROM (30) TO (100000) PARTITION BY RANGE (id);
    CREATE TABLE mid_a PARTITION OF "Mid" FOR VALUES FROM (30) TO (50);
    CREATE TABLE mid_b PARTITION OF "Mid" FOR VALUES FROM (50) TO (100000);
    CREATE INDEX mine ON chat_messages USING hnsw (embedding vector_cosine_ops) WITH (m = 8);
    CREATE INDEX own ON low USING hnsw (embedding vector_l2_ops);
    COMMENT ON INDEX mine IS 'ours'; COMMENT ON INDEX low_embedding_idx IS 'the low''s';
    """

  /// Each vector index with what it is a part of.
  private static func indexes(_ world: ReembedScene) async throws -> [[String?]] {
    try await world.scene.database.rows(
      """
      SELECT pg_get_indexdef(c.oid), i.indisvalid, obj_description(c.oid, 'pg_class'), h.inhparent::regclass
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'hnsw'
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid ORDER BY 1
      """)
  }

  @Test(arguments: ReembedTests.engines)
  func
    `it is changed to another model, and back, and forth again, with its indexes and a partition that came meanwhile`(
      engine: ChatDatabase.Engine
    ) async throws
  {
    try await ReembedScene.run(engine, rows: 80, changes: Self.tables) { world in
      let database = world.scene.database
      let (before, definitions) = (try await Self.indexes(world), try await world.definitions())
      #expect(before.count == 7)
      try await database.run("CREATE VIEW nearest AS SELECT id, embedding FROM mid_a")
      let refused = try await world.reembed(world.beginning)
      #expect(refused.code == 78 && refused.errors.contains("the view nearest"), "\(refused.errors)")
      try await database.run("DROP VIEW nearest")
      #expect(try await world.definitions() == definitions)

      let application = try ReembedKillTests.application(world)
      let ready = try await world.reembed(world.beginning + ["--no-switch"])
      #expect(ready.code == 0, "\(ready.errors)")
      let beside = try await Self.indexes(world)
      #expect(beside.count == 2 * before.count)
      #expect(beside.allSatisfy { $0[1] == "t" })
      try await database.run(
        """
        CREATE TABLE late PARTITION OF chat_messages FOR VALUES FROM (100000) TO (200000);
        INSERT INTO chat_messages (id, insight_id, user_id, role, content) VALUES (100001, 1, 1, 'user', 'late');
        """)
      #expect(try await Self.indexes(world).count == beside.count + 2)

      let switched = try await world.reembed(["--yes"])
      #expect(switched.code == 0, "\(switched.errors)")
      try await ReembedKillTests.readsOn(world)
      let undone = try await world.reembed(["--undo"])
      #expect(undone.code == 0, "\(undone.errors)")
      try await ReembedKillTests.readsOn(world)
      let again = try await world.reembed(["--yes"])
      #expect(again.code == 0, "\(again.errors)")
      try await ReembedKillTests.readsOn(world)
      let finished = try await world.reembed(["--finish", "--yes"])
      #expect(finished.code == 0, "\(finished.errors)")
      ReembedKillTests.expectUnharmed(try await application.end())
      #expect(try await Self.indexes(world).filter { $0[0]?.contains("late") == false } == before)
      #expect(try await world.records() == [])
      try await ReembedKillTests.expectWhole(world)
    }
  }
}
