import Backfill
import Migrations
import Testing

@Suite struct SQLStatementTests {
  static func split(_ sql: String, _ dialect: Dialect = .postgres) throws -> [String] {
    try SQLStatement.split(sql, dialect, in: "test.sql").map(\.text)
  }

  @Test(arguments: [
    ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
    (";;  ; SELECT 1;;", ["SELECT 1"]),
    ("SELECT ';', \"a;b\", 'it''s;' ; SELECT 2;", ["SELECT ';', \"a;b\", 'it''s;'", "SELECT 2"]),
    ("-- one; two\nSELECT 1; /* a; /* b; */ c; */ SELECT 2", ["SELECT 1", "SELECT 2"]),
    ("DO $$ BEGIN; END $$; SELECT $a$ ; $$ ; $a$", ["DO $$ BEGIN; END $$", "SELECT $a$ ; $$ ; $a$"]),
    ("SELECT E'\\';', 1; SELECT $1; SELECT 'e\\'", ["SELECT E'\\';', 1", "SELECT $1", "SELECT 'e\\'"]),
    ("SELECT 1 -- ; the end", ["SELECT 1"]),
    (
      "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
      ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END", "SELECT 3"]
    ),
    ("SELECT 'ümläut;' AS \"ß;\"; SELECT 2", ["SELECT 'ümläut;' AS \"ß;\"", "SELECT 2"]),
    ("CREATE TABLE t (begin int); SELECT 1", ["CREATE TABLE t (begin int)", "SELECT 1"]),
  ])
  func `a script is split at its own semicolons only`(_ script: String, _ statements: [String]) throws {
    #expect(try Self.split(script) == statements)
  }

  @Test func `a SQLite trigger and its comments, which don't nest, are split as SQLite does`() throws {
    let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET n = CASE WHEN 1 THEN 2 END; DELETE FROM b; END"
    #expect(
      try Self.split("\(trigger); SELECT `a;b`; /* /* */ SELECT 2", .sqlite) == [trigger, "SELECT `a;b`", "SELECT 2"])
  }

  @Test(arguments: [
    ("SELECT 1;\nSELECT 'open", "test.sql:2: a string is not closed"),
    ("SELECT \"open;", "test.sql:1: a quoted name is not closed"),
    ("\n\n/* /* */ SELECT 1", "test.sql:3: a comment is not closed"),
    ("SELECT $x$ open $y$", "test.sql:1: a dollar-quoted string is not closed"),
  ])
  func `what is left open is named with its line`(_ script: String, _ message: String) {
    let failure = #expect(throws: Failure.self) { try Self.split(script) }
    #expect(failure?.description == message)
  }

  @Test func `the shown outline of another's query holds none of its values`() {
    let outline = SQLOutline(of: "UPDATE chat_messages SET content = 'my secret', n = 42 WHERE content = 'cut o")
      .description
    #expect(outline == "update chat_messages set content = ?, n = ? where content =")
  }
}
