import Foundation
import Ledger
import TestSupport
import Testing

/// Rows that the database will not take: they alone stop, and nobody pays for them without end.
@Suite struct RefusedRowTests {
  /// What a database has against the rows whose text begins with "secret".
  struct Refusal: CustomTestStringConvertible {
    let testDescription: String
    let sql: String
    let mend: String
    let told: [String]
  }

  static func function(_ body: String) -> String {
    """
    CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.content LIKE 'secret%' AND NEW.embedding IS NOT NULL THEN \(body) END IF; RETURN NEW; END $$;
    """
  }

  static let postgres: [Refusal] = [
    Refusal(
      testDescription: "a check that older rows don't meet",
      sql: "ALTER TABLE chat_messages ADD CONSTRAINT short CHECK (content NOT LIKE 'secret%') NOT VALID",
      mend: "ALTER TABLE chat_messages DROP CONSTRAINT short", told: ["SQLSTATE 23514", "constraint short"]),
    Refusal(
      testDescription: "a trigger that quotes the row",
      sql: function("RAISE EXCEPTION 'bad: %', NEW.content USING ERRCODE = '45000';")
        + "CREATE TRIGGER guard BEFORE UPDATE ON chat_messages FOR EACH ROW EXECUTE FUNCTION hook()",
      mend: "DROP TRIGGER guard ON chat_messages", told: ["SQLSTATE 45000", "trigger guard"]),
    Refusal(
      testDescription: "a deferred constraint, at COMMIT",
      sql: function("RAISE EXCEPTION 'late: %', NEW.content;")
        + """
        CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON chat_messages DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hook()
        """, mend: "DROP TRIGGER late ON chat_messages", told: ["SQLSTATE P0001", "trigger late"]),
    Refusal(
      testDescription: "a generated column",
      sql: """
        ALTER TABLE chat_messages ADD COLUMN share int GENERATED ALWAYS AS
        (CASE WHEN embedding IS NOT NULL AND content LIKE 'secret%' THEN 1 / (length(role) - 4) END) STORED
        """, mend: "ALTER TABLE chat_messages DROP COLUMN share", told: ["SQLSTATE 22012"]),
    Refusal(
      testDescription: "another table that a trigger writes to",
      sql: "CREATE TABLE audit (note varchar(3));" + function("INSERT INTO audit VALUES (NEW.content);")
        + "CREATE TRIGGER copy AFTER UPDATE ON chat_messages FOR EACH ROW EXECUTE FUNCTION hook()",
      mend: "DROP TRIGGER copy ON chat_messages", told: ["SQLSTATE 22001"]),
  ]

  static func raise(_ kind: String) -> Refusal {
    Refusal(
      testDescription: "RAISE(\(kind))",
      sql: """
        CREATE TRIGGER guard BEFORE UPDATE ON chat_messages WHEN NEW.content LIKE 'secret%'
        BEGIN SELECT RAISE(\(kind), 'no secret here'); END
        """, mend: "DROP TRIGGER guard", told: ["SQLITE_CONSTRAINT_TRIGGER", "trigger guard"])
  }

  static let sqlite: [Refusal] =
    ["ABORT", "FAIL", "ROLLBACK"].map(raise) + [
      Refusal(
        testDescription: "a check of a column",
        sql: """
          ALTER TABLE chat_messages ADD COLUMN flag CONSTRAINT short
          CHECK (embedding IS NULL OR content NOT LIKE 'secret%' OR coalesce(flag, 0) = 1)
          """, mend: "UPDATE chat_messages SET flag = 1", told: ["SQLITE_CONSTRAINT_CHECK", "constraint short"])
    ]

  // What refuses a row in its UPDATE and what refuses it at COMMIT is enough for the other major.
  static let cases: [(ChatDatabase.Engine, Refusal)] =
    postgres.map { (.postgres18, $0) } + [(.postgres16, postgres[1]), (.postgres16, postgres[2])]
    + sqlite.map { (.sqlite, $0) }

  @Test(arguments: cases)
  func `a row that the database refuses is quarantined by name, and all others are written`(
    engine: ChatDatabase.Engine, refusal: Refusal
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...60).map { [18, 50].contains($0) ? "secret \($0)" : "message \($0)" })
      try await scene.database.run(refusal.sql)
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(exit.output.contains("rows written         58\n"), "\(exit.output)")
      #expect(exit.output.contains("complete but for 2 quarantined rows; `vecfill quarantine list` shows why\n"))
      #expect(exit.output.contains("quarantined          2\n"))
      #expect(try await scene.database.count("embedding IS NOT NULL") == 58)
      #expect(try await scene.wrongRows().sorted() == ["secret 18", "secret 50"])
      #expect(scene.server.record.billedAgain == 0)
      #expect(try await scene.status()?.totals.spooledBatches == 0)

      let list = try await scene.start(["quarantine", "list"]).exit().output
      #expect(list.contains("chat_messages 18  refused by the database: "), "\(list)")
      for told in refusal.told { #expect(list.components(separatedBy: told).count == 3, "\(list)") }
      let ledger = try Data(contentsOf: URL(fileURLWithPath: scene.ledgerPath))
      #expect(ledger.range(of: Data("secret".utf8)) == nil)
      for output in [exit.output, exit.errors, list] { #expect(!output.contains("secret"), "\(output)") }

      let requests = scene.server.record.requests.count
      #expect(try await scene.fill().code == 0, "none of them is new")
      #expect(try await scene.fill(["--fail-on", "quarantined"]).code == 83)
      #expect(try await scene.fill(["--fail-on", "quarantined", "--max-quarantined", "2"]).code == 0)
      #expect(scene.server.record.requests.count == requests, "the next run sends nothing")

      let retry = try await scene.start(["quarantine", "retry", "18", "--source", "chat_messages"]).exit()
      #expect(retry.code == 0, "\(retry.errors)")
      #expect(try await scene.fill().code == 83)
      #expect(scene.server.record.billedAgain == 0, "the vector of the row that was retried is kept")
      try await scene.database.run(refusal.mend)
      _ = try await scene.start(["quarantine", "drop", "chat_messages"]).exit()
      let last = try await scene.fill()
      #expect(last.code == 0, "\(last.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `what an earlier run has in the spool obeys a condition that was added later`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Self.spooled(engine) { scene in
      let condition = "- table: chat_messages\n    where: \"content NOT LIKE 'secret%'\"\n"
      try scene.write(spec: scene.spec.replacingOccurrences(of: "- table: chat_messages\n", with: condition))
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == ["secret"])
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `what an earlier run has in the spool and the database now refuses is quarantined`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Self.spooled(engine) { scene in
      try await scene.database.run((engine == .sqlite ? Self.sqlite : Self.postgres)[0].sql)
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(exit.output.contains("rows written         19 (19 from the spool)\n"), "\(exit.output)")
      #expect(try await scene.wrongRows() == ["secret"])
      #expect(try await scene.fill(["--fail-on", "quarantined"]).code == 83)
    }
  }

  /// A scene of 20 rows whose vectors a killed run left in the spool, and of which no row was written; nothing may be
  /// paid for in it again.
  static func spooled(_ engine: ChatDatabase.Engine, _ body: (Scene) async throws -> Void) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...20).map { $0 == 5 ? "secret" : "message \($0)" })
      let hold = try await scene.holdTable()
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches == 2 }
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      if engine != .sqlite {
        // A write that the server was given before the kill would go on once the lock goes.
        try await scene.poll("the end of the dead run's sessions") {
          try await scene.database.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'vecfill%'"
          ).isEmpty
        }
      }
      hold.release()
      #expect(try await scene.database.count("embedding IS NOT NULL") == 0)
      let requests = scene.server.record.requests.count
      try await body(scene)
      #expect(scene.server.record.requests.count == requests, "all of it was paid for already")
      #expect(try await scene.status()?.totals.spooledBatches == 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `of rows with one text only the one that is refused goes without its vector`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(Array(repeating: "the same", count: 40))
      let name = engine == .sqlite ? "ADD COLUMN flag CONSTRAINT short" : "ADD CONSTRAINT short"
      try await scene.database.run(
        "ALTER TABLE chat_messages \(name) CHECK (embedding IS NULL OR id NOT IN (1, 40))")
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NOT NULL") == 38)
      #expect(try await scene.database.count("embedding IS NULL AND id IN (1, 40)") == 2)
      #expect(scene.server.record.billed.count == 1)
    }
  }
}

/// Rows whose vector is gone after a write that the database accepted.
@Suite struct UnfilledRowTests {
  struct Hook: CustomTestStringConvertible {
    let testDescription: String
    let sql: String
    let told: String

    func mend(_ engine: ChatDatabase.Engine) -> String {
      "DROP \(told)" + (engine == .sqlite ? "" : " ON chat_messages")
    }
  }

  static func trigger(_ when: String, _ body: String) -> String {
    RefusedRowTests.function(body) + "CREATE \(when) ON chat_messages FOR EACH ROW EXECUTE FUNCTION hook()"
  }

  static let empties = "UPDATE chat_messages SET embedding = NULL WHERE id = NEW.id;"

  static let postgres: [Hook] = [
    Hook(
      testDescription: "a trigger that nulls", sql: trigger("TRIGGER clr BEFORE UPDATE", "NEW.embedding := NULL;"),
      told: "trigger clr"),
    Hook(
      testDescription: "RETURN NULL", sql: trigger("TRIGGER skip BEFORE UPDATE", "RETURN NULL;"), told: "trigger skip"),
    Hook(testDescription: "an AFTER trigger", sql: trigger("TRIGGER undo AFTER UPDATE", empties), told: "trigger undo"),
    Hook(
      testDescription: "at COMMIT",
      sql: RefusedRowTests.function(empties)
        + """
        CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON chat_messages DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hook()
        """, told: "trigger late"),
    Hook(
      testDescription: "a rule",
      sql: "CREATE RULE keep AS ON UPDATE TO chat_messages WHERE old.content LIKE 'secret%' DO INSTEAD NOTHING",
      told: "rule keep"),
  ]

  static let sqlite: [Hook] = [
    Hook(
      testDescription: "a trigger that nulls",
      sql: """
        CREATE TRIGGER clr AFTER UPDATE ON chat_messages WHEN NEW.content LIKE 'secret%' AND NEW.embedding IS NOT NULL
        BEGIN \(empties) END
        """, told: "trigger clr"),
    Hook(
      testDescription: "RAISE(IGNORE)",
      sql: """
        CREATE TRIGGER skip BEFORE UPDATE ON chat_messages WHEN NEW.content LIKE 'secret%'
        BEGIN SELECT RAISE(IGNORE); END
        """, told: "trigger skip"),
  ]

  /// Each hook against some rows, and on another major against some more.
  static let cases: [(engine: ChatDatabase.Engine, hook: Hook, rows: Int)] =
    postgres.map { (.postgres18, $0, 3) } + sqlite.map { (.sqlite, $0, 3) }
    + [(.postgres16, postgres[4], 3), (.postgres16, postgres[0], 11)]

  @Test(arguments: cases)
  func `a row that takes no vector is paid at most twice over all runs, and the table's hooks are named`(
    engine: ChatDatabase.Engine, hook: Hook, rows: Int
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...30).map { $0 <= rows ? "secret \($0)" : "message \($0)" })
      try await scene.database.run(hook.sql)
      let exit = try await scene.fill()
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(exit.output.contains("rows written         \(30 - rows)\n"), "\(exit.output)")
      #expect(exit.output.contains("quarantined          \(rows)\n"), "\(exit.output)")
      #expect(try await scene.database.count("embedding IS NULL") == rows)
      #expect(try await scene.status()?.totals.spooledBatches == 0)
      let list = try await scene.start(["quarantine", "list"]).exit().output
      #expect(list.components(separatedBy: "takes no vector: ").count == rows + 1, "\(list)")
      #expect(list.contains(hook.told), "\(list)")
      for output in [exit.output, exit.errors, list] { #expect(!output.contains("secret")) }
      for _ in 0..<2 { #expect(try await scene.fill(["--fail-on", "quarantined"]).code == 83) }
      #expect(scene.server.record.billed.values.allSatisfy { $0 <= 2 })
      #expect(scene.server.record.billedTwice <= rows)

      try await scene.database.run(hook.mend(engine))
      #expect(try await scene.start(["quarantine", "retry"]).exit().output.hasSuffix("taken by the next run\n"))
      let last = try await scene.fill()
      #expect(last.code == 0, "\(last.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `runs that are killed between the two tries don't pay a third time`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...30).map { $0 <= 28 ? "secret \($0)" : "message \($0)" })
      try await scene.database.run((engine == .sqlite ? Self.sqlite : Self.postgres)[0].sql)
      var kills = 0
      for _ in 0..<3 {
        let process = try scene.start(["run", "job.yaml"])
        try await scene.poll("an answered request") { !scene.server.record.billed.isEmpty && scene.isBegun }
        process.send(SIGKILL)
        if await process.exit().signal == SIGKILL { kills += 1 }
      }
      #expect(kills > 0)
      for _ in 0..<2 {
        let exit = try await scene.fill(["--fail-on", "quarantined"])
        #expect(exit.code == 83, "\(exit.output)\(exit.errors)")
      }
      #expect(scene.server.record.billed.values.allSatisfy { $0 <= 2 + kills })
    }
  }
}

extension Scene {
  var isBegun: Bool { FileManager.default.fileExists(atPath: ledgerPath) }

  /// Keeps everyone else from writing to chat_messages; reading goes on.
  func holdTable() async throws -> Hold {
    database.url.hasPrefix("sqlite")
      ? try await holdWrites()
      : try Hold("LOCK TABLE chat_messages IN EXCLUSIVE MODE", on: database.url)
  }
}
