import Backfill
import MessageStores
import Postgres
import TestSupport
import Testing

/// A way in which SQLite refuses the rows 2 and 4 of five, and what is told of it.
private struct RefusalCase: CustomTestStringConvertible {
  let testDescription: String
  let script: String
  var column = "BLOB"
  let reason: String

  private static func trigger(_ action: String, _ time: String = "BEFORE") -> String {
    """
    CREATE TRIGGER guard \(time) UPDATE OF embedding ON m WHEN NEW.id % 2 = 0 BEGIN
      INSERT INTO log VALUES (NEW.id); \(action); END
    """
  }

  static let all: [RefusalCase] = [
    RefusalCase(
      testDescription: "RAISE(ABORT)", script: trigger("SELECT RAISE(ABORT, 'secret')"),
      reason: "SQLITE_CONSTRAINT_TRIGGER, trigger guard"),
    RefusalCase(
      testDescription: "RAISE(FAIL), which leaves what it did before",
      script: trigger("SELECT RAISE(FAIL, 'secret')", "AFTER"), reason: "SQLITE_CONSTRAINT_TRIGGER, trigger guard"),
    RefusalCase(
      testDescription: "RAISE(ROLLBACK), which ends the whole transaction",
      script: trigger("SELECT RAISE(ROLLBACK, 'secret')", "AFTER"), reason: "SQLITE_CONSTRAINT_TRIGGER, trigger guard"),
    RefusalCase(
      testDescription: "one of several triggers",
      script: trigger("SELECT RAISE(ABORT, 'secret')")
        + """
        ; CREATE TRIGGER "also me" AFTER UPDATE ON m BEGIN SELECT 1; END;
        CREATE TRIGGER never AFTER INSERT ON m BEGIN UPDATE log SET id = 1; END;
        CREATE TRIGGER nor_this AFTER DELETE ON m BEGIN SELECT 1; END
        """, reason: "SQLITE_CONSTRAINT_TRIGGER, triggers also me, guard"),
    RefusalCase(
      testDescription: "a trigger that meets a NOT NULL elsewhere", script: trigger("INSERT INTO log VALUES (NULL)"),
      reason: "SQLITE_CONSTRAINT_NOTNULL, log.id"),
    RefusalCase(
      testDescription: "a trigger that can't read what it finds",
      script: trigger("SELECT json_extract('{secret', '$.a')"), reason: "SQLITE_ERROR, trigger guard"),
    RefusalCase(
      testDescription: "a named check", script: "",
      column: "BLOB CONSTRAINT \"too (odd)\" CHECK (embedding IS NULL OR id % 2 = 1)",
      reason: "SQLITE_CONSTRAINT_CHECK, constraint too (odd)"),
    RefusalCase(
      testDescription: "a check without a name", script: "", column: "BLOB CHECK (embedding IS NULL OR id % 2 = 1)",
      reason: "SQLITE_CONSTRAINT_CHECK, a check without a name"),
    RefusalCase(
      testDescription: "a unique index on a generated column",
      script: """
        ALTER TABLE m ADD COLUMN odd AS (CASE WHEN embedding IS NOT NULL AND id % 2 = 0 THEN 9 ELSE id * 10 END);
        INSERT INTO m (id, content, embedding) VALUES (90, 'taken', NULL); CREATE UNIQUE INDEX u ON m (odd);
        UPDATE m SET embedding = zeroblob(12) WHERE id = 90
        """, reason: "SQLITE_CONSTRAINT_UNIQUE, m.odd"),
    RefusalCase(
      testDescription: "a strict table that a trigger writes to",
      script: "CREATE TABLE strict (n INTEGER) STRICT; " + trigger("INSERT INTO strict VALUES (NEW.content)"),
      reason: "SQLITE_CONSTRAINT_DATATYPE, strict.n"),
    RefusalCase(
      testDescription: "a conflict clause that would end the transaction",
      script: "CREATE TABLE once (n UNIQUE ON CONFLICT ROLLBACK); INSERT INTO once VALUES (1); "
        + trigger("INSERT INTO once VALUES (1)"), reason: "SQLITE_CONSTRAINT_UNIQUE, once.n"),
  ]
}

@Suite struct SQLiteRefusalTests {
  private static let rows = (1...5 as ClosedRange<Int64>).map {
    EmbeddedRow(.integer($0), "secret \($0)", [Float($0), 0, 1])
  }

  private func prepare(_ script: String, column: String = "BLOB") async throws -> (SQLiteFile, SQLiteMessageStore) {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT, embedding \(column));
      CREATE TABLE log (id INTEGER NOT NULL);
      INSERT INTO m (id, content) VALUES \((1...5).map { "(\($0), 'secret \($0)')" }.joined(separator: ", "))
      """)
    try await file.run(script)
    return (file, try await SQLiteMessageStore(url: DatabaseURL(file.url)))
  }

  @Test(arguments: RefusalCase.all)
  private func `a refused row is told by code and name, leaves no trace and stops no other`(
    _ refusal: RefusalCase
  ) async throws {
    let (file, store) = try await prepare(refusal.script, column: refusal.column)
    let outcome = try await store.write(Self.rows, to: Source(table: "m"))
    #expect(outcome.refused == [2: refusal.reason, 4: refusal.reason])
    #expect(outcome.written == [1, 3, 5])
    #expect(outcome.unfilled.isEmpty)
    #expect(
      try await file.run("SELECT group_concat(id) FROM m WHERE embedding IS NOT NULL AND id < 10") == [["1,3,5"]])
    #expect(try await file.run("SELECT count(*) FROM log") == [["0"]])
    // Nothing is left open that would keep the application from writing.
    try await file.run("BEGIN EXCLUSIVE; COMMIT")
    await store.close()
  }

  @Test func `every row may end the whole transaction, and each is told`() async throws {
    let (file, store) = try await prepare(
      "CREATE TRIGGER t AFTER UPDATE ON m BEGIN SELECT RAISE(ROLLBACK, 'secret'); END")
    let outcome = try await store.write(Self.rows, to: Source(table: "m"))
    #expect(Set(outcome.refused.keys) == [1, 2, 3, 4, 5] && outcome.written.isEmpty)
    #expect(try await file.run("SELECT count(embedding) FROM m") == [["0"]])
    await store.close()
  }

  @Test func `many rows, half of which end the transaction, are written all the same`() async throws {
    let (file, store) = try await prepare(
      """
      DELETE FROM m;
      INSERT INTO m (id, content)
      WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 300) SELECT n, 'x' FROM s;
      CREATE TRIGGER t AFTER UPDATE ON m WHEN NEW.id % 2 = 0 BEGIN SELECT RAISE(ROLLBACK, 'secret'); END
      """)
    let rows = (1...300 as ClosedRange<Int64>).map { EmbeddedRow(.integer($0), "x", [1, 2, 3]) }
    let outcome = try await store.write(rows, to: Source(table: "m"))
    #expect(outcome.written.count == 150 && outcome.refused.count == 150)
    #expect(try await file.run("SELECT count(embedding) FROM m WHERE id % 2 = 1") == [["150"]])
    await store.close()
  }

  @Test func `a row whose text a trigger changes comes round again, in no set`() async throws {
    let (file, store) = try await prepare(
      """
      CREATE TRIGGER t AFTER UPDATE OF embedding ON m WHEN NEW.id = 2 AND NEW.embedding IS NOT NULL BEGIN
        UPDATE m SET content = 'edited', embedding = NULL WHERE id = 2; END
      """)
    let outcome = try await store.write(Self.rows, to: Source(table: "m"))
    #expect(outcome.written == [1, 3, 4, 5] && outcome.unfilled.isEmpty && outcome.refused.isEmpty)
    await store.close()
    withExtendedLifetime(file) {}
  }

  @Test func `a row that undoes another's vector leaves that one unfilled`() async throws {
    let (file, store) = try await prepare(
      """
      CREATE TRIGGER undo AFTER UPDATE OF embedding ON m WHEN NEW.id = 5 BEGIN
        UPDATE m SET embedding = NULL WHERE id = 1; END
      """)
    let outcome = try await store.write(Self.rows, to: Source(table: "m"))
    #expect(outcome.written == [2, 3, 4, 5] && outcome.unfilled == [1])
    #expect(outcome.hooks == "trigger undo")
    await store.close()
    withExtendedLifetime(file) {}
  }

  @Test func `an index of texts that a trigger keeps and that was never built is told from a damaged file`()
    async throws
  {
    let (file, store) = try await prepare(
      """
      CREATE VIRTUAL TABLE f USING fts5(content, content = 'm', content_rowid = 'id');
      CREATE TRIGGER m_f AFTER UPDATE ON m BEGIN
        INSERT INTO f (f, rowid, content) VALUES ('delete', OLD.id, OLD.content);
        INSERT INTO f (rowid, content) VALUES (NEW.id, NEW.content); END
      """)
    let failure = await #expect(throws: Failure.self) { try await store.write(Self.rows, to: Source(table: "m")) }
    #expect(failure?.exitCode == .configuration && failure?.remedy?.contains("'rebuild'") == true)
    try await file.run("INSERT INTO f (f) VALUES ('rebuild')")
    #expect(try await store.write(Self.rows, to: Source(table: "m")).written.count == 5)
    await store.close()
  }

  @Test func `what is no row's fault is thrown, and nothing is written`() async throws {
    let (file, store) = try await prepare("")
    let source = Source(table: "m")
    _ = try await store.inspect(source, dimensions: 3)
    try await file.run(
      """
      CREATE TABLE gone (n); CREATE TRIGGER t AFTER UPDATE ON m BEGIN INSERT INTO gone VALUES (1); END; DROP TABLE gone
      """)
    let failure = await #expect(throws: Failure.self) { try await store.write(Self.rows, to: source) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.reason == "no such table: main.gone")
    #expect(try await file.run("SELECT count(embedding) FROM m") == [["0"]])
    await store.close()
  }
}
