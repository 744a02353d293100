import Migrations
import Testing

@Suite struct LinterTests {
  @Test(arguments: [
    ("CREATE INDEX i ON t (a)", "CREATE INDEX CONCURRENTLY"),
    ("DROP INDEX i", "DROP INDEX CONCURRENTLY"),
    ("REINDEX INDEX i", "CONCURRENTLY"),
    ("CREATE INDEX CONCURRENTLY i ON t (a)", "can't run in a transaction"),
    ("-- vecfill: no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", "invalid index"),
    ("-- vecfill: no-transaction\nCREATE INDEX CONCURRENTLY i ON t USING hnsw (a)", "after-load"),
    ("ALTER TABLE t ADD COLUMN a int NOT NULL", "without a default"),
    ("ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()", "rewrites the table"),
    ("ALTER TABLE t ADD COLUMN a bigserial", "rewrites the table"),
    ("ALTER TABLE t ALTER COLUMN a TYPE bigint", "rewrites the table"),
    ("ALTER TABLE t ALTER a SET NOT NULL", "NOT VALID"),
    ("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u", "NOT VALID"),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "NOT VALID"),
    ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "USING INDEX"),
    ("ALTER TABLE t RENAME COLUMN a TO b", "running copy"),
    ("ALTER TABLE t DROP COLUMN a", "lost"),
    ("DROP TABLE t", "lost"),
    ("TRUNCATE t", "TRUNCATE"),
    ("UPDATE t SET a = 1", "WHERE"),
    ("DELETE FROM t", "WHERE"),
    ("DROP TABLE t CASCADE", "CASCADE"),
    ("LOCK TABLE t", "locks"),
    ("VACUUM FULL t", "locks"),
    ("SET LOCAL lock_timeout = '1h'", "vecfill sets it"),
  ])
  func `an unsafe statement is named with what to write instead`(_ sql: String, _ part: String) throws {
    let findings = Linter.findings(in: try Folder(ups: ["1_a": sql]).set(), .postgres)
    #expect(findings.contains { $0.description.contains(part) }, "\(findings)")
  }

  @Test(arguments: [
    "ALTER TABLE t ADD COLUMN a boolean NOT NULL DEFAULT false",
    "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL REFERENCES u); CREATE INDEX i ON t (a)",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i", "UPDATE t SET a = 1 WHERE id < 100",
    "-- vecfill: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a)",
    "-- vecfill: no-transaction\nREINDEX INDEX CONCURRENTLY i", "SELECT 'DROP TABLE t CASCADE'",
  ])
  func `a safe one is left alone`(_ sql: String) throws {
    let set = try Folder(ups: ["1_a": sql]).set()
    #expect(Linter.findings(in: set, .postgres) == [])
  }

  @Test func `a migration without a way back is named`() throws {
    let findings = Linter.findings(in: try Folder(["1_a.up.sql": "SELECT 1"]).set(.sqlite), .sqlite)
    #expect(findings.map(\.reason) == ["there is no way back"])
  }
}
