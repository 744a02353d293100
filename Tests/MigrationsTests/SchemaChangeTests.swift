import Backfill
import Migrations
import Testing

@Suite struct SchemaChangeTests {
  static func change(_ sql: String) throws -> SchemaChange? {
    try SQLStatement.split(sql, .postgres, in: "test.sql").first.flatMap(SchemaChange.init)
  }

  @Test(arguments: [
    ("ALTER TABLE chat ADD COLUMN was boolean NOT NULL DEFAULT false", "column chat.was"),
    ("alter table if exists only \"My Chat\".chat add column if not exists \"Was\" int", "column My Chat.chat.Was"),
    ("ALTER TABLE chat DROP COLUMN IF EXISTS was", "column chat.was"),
    ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.t USING btree (id) WHERE a IS NULL", "index i"),
    ("CREATE INDEX i ON t (lower(a), b)", "index i"),
    ("DROP INDEX CONCURRENTLY IF EXISTS s.i", "index i"),
    ("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA x", "extension vector"),
    ("DROP EXTENSION vector", "extension vector"),
  ])
  func `a change is read with the object that it makes or removes`(_ sql: String, _ object: String) throws {
    #expect(try Self.change(sql)?.object.description == object)
  }

  @Test(arguments: [
    "ALTER TABLE t ADD COLUMN a int, ADD COLUMN b int", "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
    "ALTER TABLE t DROP CONSTRAINT c", "ALTER TABLE t ALTER COLUMN a TYPE text", "CREATE INDEX ON t (a)",
    "DROP INDEX a, b", "DROP EXTENSION vector CASCADE", "CREATE TABLE t (a int)", "UPDATE t SET a = 1",
    "ALTER TABLE t DROP COLUMN a CASCADE",
  ])
  func `any other statement is run as it stands`(_ sql: String) throws {
    #expect(try Self.change(sql) == nil)
  }

  @Test func `an index keeps all that stands behind its table`() throws {
    let sql = "CREATE INDEX i ON t USING hnsw (e vector_cosine_ops) -- why\n WITH (m = 16)"
    guard case .createIndex(let index) = try Self.change(sql) else {
      Issue.record("no index was read")
      return
    }
    #expect(index.body == "USING hnsw (e vector_cosine_ops) -- why\n WITH (m = 16)")
    #expect(!index.isConcurrent)
  }
}
