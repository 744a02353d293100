import Foundation
import TestSupport
import Testing

/// A SQLite file's faults and triggers.
extension CheckCommandTests {
  static let fileFaults: [(String, String, Int32, [String])] = [
    ("DROP TABLE chat_messages", "table", 78, ["no such table"]),
    ("DROP TABLE chat_messages; CREATE VIEW chat_messages AS SELECT 1 AS id", "table", 78, ["it is a view"]),
    ("ALTER TABLE chat_messages DROP embedding", "vector", 78, ["no column embedding"]),
    (
      "INSERT INTO chat_messages (insight_id, user_id, role, content, embedding) VALUES (1, 1, 'user', 'a', x'0000803F')",
      "vector", 78, ["dimensions"]
    ),
    ("ALTER TABLE chat_messages RENAME content TO body", "text", 78, ["no column content"]),
    ("CREATE TABLE vecfill_column (id INTEGER PRIMARY KEY, more)", "record", 78, ["not vecfill's own"]),
    (
      "DROP TABLE chat_messages; CREATE TABLE chat_messages (id int, content text, embedding VECTOR(8))", "key", 78,
      ["key"]
    ),
  ]

  @Test(arguments: fileFaults)
  func `the same in a SQLite file`(
    fault: (script: String, check: String, code: Int32, words: [String])
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.run(fault.script)
      let (told, exit) = try await scene.check()
      #expect(exit.code == fault.code, "\(exit.output) \(exit.errors)")
      let line = try #require(told.lines(fault.check, about: "table chat_messages").first)
      #expect(line.mark == "failed", "\(told.checks)")
      for word in fault.words { #expect("\(line.found) \(line.next ?? "")".contains(word), "\(line)") }
      #expect(told.mark("table", about: "table standalone_chat_messages") == "ok")
      #expect(told.mark("embedding") == "ok")
    }
  }

  @Test func `triggers of a SQLite table are named`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.run(
        "CREATE TRIGGER stamp AFTER UPDATE ON chat_messages BEGIN SELECT 1; END")
      let (told, exit) = try await scene.check(["--offline"])
      #expect(exit.code == 0, "\(exit.output)")
      #expect(told.lines("triggers").first?.found.contains("trigger stamp") == true)
    }
  }
}
